-- stored_by is the ledger row of the delivery that stored the report, which
-- counts it in its account.
ALTER TABLE report ADD COLUMN stored_by INTEGER NOT NULL DEFAULT 0;
UPDATE report SET stored_by = COALESCE((SELECT MIN(d.ledger) FROM delivery d CROSS JOIN ledger l ON l.id = d.ledger
  WHERE d.report = report.id AND l.stored > 0), ledger);
CREATE INDEX report_superseded ON report (reporter, signed_by, trust) WHERE superseded = 1;

-- Quarantined documents have deliveries as reports do, under their id made
-- negative. What quarantine holds of the sender is that of the one that decides.
INSERT INTO delivery (report, ledger, trust, reason, signed_by, route) SELECT -id, ledger, trust, trusting, signed_by, route FROM quarantine;
CREATE INDEX delivery_pending ON delivery (ledger) WHERE trust = 2;

-- The mails of items with deliveries whose trust is pending, once an item.
CREATE TABLE kept_mail (ledger INTEGER PRIMARY KEY, frame BLOB NOT NULL);
INSERT INTO kept_mail (ledger, frame) SELECT ledger, frame FROM pending_mail WHERE id IN (SELECT MIN(id) FROM pending_mail GROUP BY ledger)
  AND EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_pending WHERE d.ledger = pending_mail.ledger AND d.trust = 2);
DROP TABLE pending_mail;
ALTER TABLE kept_mail RENAME TO pending_mail;

-- Who signed reports of a reporter's name: the organizational domain, and when
-- the first authenticated delivery was received. The rows outlive the reports.
CREATE TABLE signing (
  reporter       INTEGER NOT NULL,
  signer         INTEGER NOT NULL,
  first_received INTEGER NOT NULL,
  PRIMARY KEY (reporter, signer)
) WITHOUT ROWID;
CREATE INDEX signing_first ON signing (reporter, first_received);
CREATE INDEX signing_signer ON signing (signer);

-- With what the stored reports were read: the engine's words.
CREATE TABLE read_with (id INTEGER PRIMARY KEY CHECK (id = 1), words TEXT NOT NULL);

-- resettle is 1 until the program has settled what version 1 left (see upgrade.go).
INSERT INTO meta (name, value) VALUES ('pending_bytes', (SELECT COALESCE(SUM(length(frame)), 0) FROM pending_mail)), ('resettle', 1);
