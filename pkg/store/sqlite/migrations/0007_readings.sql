-- What each delivery makes of a report whose document leaves to what came beside
-- it who reports, or when (see reading.go). There are rows where there are several
-- deliveries, or under the negative id of a quarantined document. used is 1 on
-- the one whose hints stand with the document. warnings are a JSON list, hints an object.
CREATE TABLE reading (
  report   INTEGER NOT NULL,
  ledger   INTEGER NOT NULL,
  reporter TEXT NOT NULL,
  starts   INTEGER NOT NULL,
  ends     INTEGER NOT NULL,
  warnings TEXT NOT NULL,
  hints    TEXT NOT NULL,
  parser   INTEGER NOT NULL,
  used     INTEGER NOT NULL,
  PRIMARY KEY (report, ledger)
) WITHOUT ROWID;

-- Inferred domains are part of what makes two documents the same: have those
-- reports read again.
UPDATE report SET parser = 0 WHERE warnings IN (SELECT id FROM dict WHERE instr(value, '"inferred-domain:') > 0);
DELETE FROM parsed;
INSERT INTO parsed (parser, reports) SELECT parser, COUNT(*) FROM report GROUP BY parser;
