-- Strings are numbered by class (see dict.go). hash is of the value.
CREATE TABLE dict (
  id    INTEGER PRIMARY KEY,
  class INTEGER NOT NULL,
  hash  INTEGER NOT NULL,
  value TEXT NOT NULL
);
CREATE INDEX dict_lookup ON dict (hash);
CREATE INDEX dict_class ON dict (class);

-- A kind is one policy type and mode among all those (the shape) that one
-- report holds for one domain. So pairs of report and domain can be counted by
-- type and mode without counting one twice. The id is odd for sts and tlsa.
CREATE TABLE kind (
  id    INTEGER PRIMARY KEY,
  shape INTEGER NOT NULL,
  type  INTEGER NOT NULL,
  mode  INTEGER NOT NULL
);
CREATE UNIQUE INDEX kind_lookup ON kind (shape, type, mode);
CREATE INDEX kind_type ON kind (type, mode);

-- One row an item, for ever. hash is of source and ref (itemHash). Ids grow with commits.
CREATE TABLE ledger (
  id          INTEGER PRIMARY KEY,
  hash        INTEGER NOT NULL,
  source      INTEGER NOT NULL,
  ref         TEXT NOT NULL,
  received    INTEGER NOT NULL,
  committed   INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  stored      INTEGER NOT NULL,
  duplicate   INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  ignored     INTEGER NOT NULL,
  why         INTEGER NOT NULL,
  state       INTEGER NOT NULL
);
CREATE INDEX ledger_item ON ledger (hash);
CREATE INDEX ledger_waiting ON ledger (source, id) WHERE state = 1 AND quarantined = 0 AND ignored = 0;

-- received, source and ledger are of the earliest delivery; trust, reason,
-- signed_by, route and judged (its ledger row) of the delivery that decided.
-- late is in whole hours, rounded up, from the end of the period to stored.
-- Reports that share name_key or sign_key are rivals (see rivals.go).
CREATE TABLE report (
  id         INTEGER PRIMARY KEY,
  hash0      INTEGER NOT NULL,
  hash       BLOB NOT NULL,
  name_key   INTEGER NOT NULL,
  sign_key   INTEGER,
  reporter   INTEGER NOT NULL,
  day        INTEGER NOT NULL,
  starts     INTEGER NOT NULL,
  ends       INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  ledger     INTEGER NOT NULL,
  stored     INTEGER NOT NULL,
  late       INTEGER NOT NULL,
  trust      INTEGER NOT NULL,
  reason     INTEGER NOT NULL,
  signed_by  INTEGER NOT NULL,
  route      INTEGER NOT NULL,
  judged     INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  warnings   INTEGER NOT NULL,
  contact    INTEGER NOT NULL,
  report_id  TEXT NOT NULL,
  parser     INTEGER NOT NULL
);
CREATE INDEX report_content ON report (hash0);
-- Rivals have one period, so one day: it keeps what is written together together.
CREATE INDEX report_name ON report (day, name_key);
CREATE INDEX report_signer ON report (day, sign_key) WHERE sign_key IS NOT NULL;
CREATE INDEX report_stored ON report (stored);

-- What a report holds beside: its document (see document.go), its deliveries,
-- and the mails of those whose trust is pending.
CREATE TABLE document (report INTEGER PRIMARY KEY, frame BLOB NOT NULL);
CREATE TABLE delivery (
  report    INTEGER NOT NULL,
  ledger    INTEGER NOT NULL,
  trust     INTEGER NOT NULL,
  reason    INTEGER NOT NULL,
  signed_by INTEGER NOT NULL,
  route     INTEGER NOT NULL,
  PRIMARY KEY (report, ledger)
) WITHOUT ROWID;
CREATE TABLE pending_mail (
  id     INTEGER PRIMARY KEY,
  report INTEGER NOT NULL,
  ledger INTEGER NOT NULL,
  frame  BLOB NOT NULL
);
CREATE UNIQUE INDEX pending_mail_delivery ON pending_mail (report, ledger);

-- reports is 1 on one policy of each pair of report and domain, which carries
-- the overlap too; pairs is 1 on one policy of each kind of the pair.
CREATE TABLE policy (
  domain         INTEGER NOT NULL,
  day            INTEGER NOT NULL,
  report         INTEGER NOT NULL,
  idx            INTEGER NOT NULL,
  kind           INTEGER NOT NULL,
  reports        INTEGER NOT NULL,
  pairs          INTEGER NOT NULL,
  successful     INTEGER NOT NULL,
  failed         INTEGER NOT NULL,
  overlap_total  INTEGER NOT NULL,
  overlap_failed INTEGER NOT NULL,
  strings        INTEGER NOT NULL,
  mx             INTEGER NOT NULL,
  PRIMARY KEY (domain, day, report, idx)
) WITHOUT ROWID;
CREATE INDEX policy_day ON policy (day, report);

CREATE TABLE failure (
  domain       INTEGER NOT NULL,
  day          INTEGER NOT NULL,
  report       INTEGER NOT NULL,
  policy       INTEGER NOT NULL,
  idx          INTEGER NOT NULL,
  kind         INTEGER NOT NULL,
  result       INTEGER NOT NULL,
  reason       INTEGER NOT NULL,
  mx           INTEGER NOT NULL,
  receiving_ip INTEGER NOT NULL,
  sending_ip   INTEGER NOT NULL,
  network      INTEGER NOT NULL,
  failed       INTEGER NOT NULL,
  overlap      INTEGER NOT NULL,
  helo         INTEGER NOT NULL,
  reason_code  INTEGER NOT NULL,
  information  INTEGER NOT NULL,
  PRIMARY KEY (domain, day, report, policy, idx)
) WITHOUT ROWID;
CREATE INDEX failure_day ON failure (day, report);

-- Rollups of policies. Their measures are those of policy.
CREATE TABLE total_day (
  day INTEGER NOT NULL, kind INTEGER NOT NULL, trust INTEGER NOT NULL, source INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (day, kind, trust, source)
) WITHOUT ROWID;
CREATE TABLE reporter_day (
  day INTEGER NOT NULL, reporter INTEGER NOT NULL, kind INTEGER NOT NULL, trust INTEGER NOT NULL, source INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (day, reporter, kind, trust, source)
) WITHOUT ROWID;
CREATE TABLE domain_day (
  domain INTEGER NOT NULL, day INTEGER NOT NULL, kind INTEGER NOT NULL, trust INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (domain, day, kind, trust)
) WITHOUT ROWID;
CREATE INDEX domain_day_failing ON domain_day (day, domain) WHERE failed > 0;
CREATE TABLE domain_month (
  domain INTEGER NOT NULL, month INTEGER NOT NULL, kind INTEGER NOT NULL, trust INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (domain, month, kind, trust)
) WITHOUT ROWID;
CREATE TABLE domain_reporter_day (
  domain INTEGER NOT NULL, day INTEGER NOT NULL, reporter INTEGER NOT NULL, kind INTEGER NOT NULL,
  trust INTEGER NOT NULL, source INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (domain, day, reporter, kind, trust, source)
) WITHOUT ROWID;
CREATE TABLE stored_hour (
  hour INTEGER NOT NULL, domain INTEGER NOT NULL, reporter INTEGER NOT NULL, kind INTEGER NOT NULL,
  trust INTEGER NOT NULL, source INTEGER NOT NULL, late INTEGER NOT NULL,
  reports INTEGER NOT NULL, pairs INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
  overlap_total INTEGER NOT NULL, overlap_failed INTEGER NOT NULL,
  PRIMARY KEY (hour, domain, reporter, kind, trust, source, late)
) WITHOUT ROWID;

-- Rollups of failure details.
CREATE TABLE failure_total_day (
  day INTEGER NOT NULL, result INTEGER NOT NULL, reporter INTEGER NOT NULL, trust INTEGER NOT NULL,
  details INTEGER NOT NULL, failed INTEGER NOT NULL, overlap INTEGER NOT NULL,
  PRIMARY KEY (day, result, reporter, trust)
) WITHOUT ROWID;
CREATE TABLE failure_domain_day (
  domain INTEGER NOT NULL, day INTEGER NOT NULL, reporter INTEGER NOT NULL, result INTEGER NOT NULL,
  reason INTEGER NOT NULL, mx INTEGER NOT NULL, network INTEGER NOT NULL, kind INTEGER NOT NULL,
  trust INTEGER NOT NULL, source INTEGER NOT NULL,
  details INTEGER NOT NULL, failed INTEGER NOT NULL, overlap INTEGER NOT NULL,
  PRIMARY KEY (domain, day, reporter, result, reason, mx, network, kind, trust, source)
) WITHOUT ROWID;
CREATE INDEX failure_domain_day_covering ON failure_domain_day
  (day, domain, reporter, result, reason, mx, network, kind, trust, source, details, failed, overlap);
CREATE TABLE failure_stored_hour (
  hour INTEGER NOT NULL, domain INTEGER NOT NULL, reporter INTEGER NOT NULL, result INTEGER NOT NULL,
  reason INTEGER NOT NULL, mx INTEGER NOT NULL, network INTEGER NOT NULL, kind INTEGER NOT NULL,
  trust INTEGER NOT NULL, source INTEGER NOT NULL, late INTEGER NOT NULL,
  details INTEGER NOT NULL, failed INTEGER NOT NULL, overlap INTEGER NOT NULL,
  PRIMARY KEY (hour, domain, reporter, result, reason, mx, network, kind, trust, source, late)
) WITHOUT ROWID;

-- First and last report of every domain and reporter, for each trust, and
-- under trust 0 for all. days counts the days with a report.
CREATE TABLE heard (
  domain      INTEGER NOT NULL,
  reporter    INTEGER NOT NULL,
  trust       INTEGER NOT NULL,
  first_day   INTEGER NOT NULL,
  last_day    INTEGER NOT NULL,
  last_stored INTEGER NOT NULL,
  reports     INTEGER NOT NULL,
  days        INTEGER NOT NULL,
  PRIMARY KEY (domain, reporter, trust)
) WITHOUT ROWID;

-- Documents that could not be used. Ids are never used again.
CREATE TABLE quarantine (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  ledger    INTEGER NOT NULL,
  source    INTEGER NOT NULL,
  time      INTEGER NOT NULL,
  reason    INTEGER NOT NULL,
  detail    TEXT NOT NULL,
  size      INTEGER NOT NULL,
  frame     BLOB,
  tries     INTEGER NOT NULL,
  parser    INTEGER NOT NULL,
  trust     INTEGER NOT NULL,
  trusting  INTEGER NOT NULL,
  signed_by INTEGER NOT NULL,
  route     INTEGER NOT NULL
);
CREATE INDEX quarantine_time ON quarantine (time);
CREATE INDEX quarantine_kept ON quarantine (id) WHERE frame IS NOT NULL;
CREATE TABLE quarantine_hour (
  hour     INTEGER NOT NULL,
  source   INTEGER NOT NULL,
  reason   INTEGER NOT NULL,
  arrivals INTEGER NOT NULL,
  PRIMARY KEY (hour, source, reason)
) WITHOUT ROWID;

CREATE TABLE account (
  source      INTEGER PRIMARY KEY,
  stored      INTEGER NOT NULL,
  duplicate   INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  ignored     INTEGER NOT NULL,
  waiting     INTEGER NOT NULL
);
CREATE TABLE source_state (
  source           TEXT PRIMARY KEY,
  first_configured INTEGER NOT NULL,
  last_poll        INTEGER NOT NULL,
  last_success     INTEGER NOT NULL,
  first_sync       INTEGER NOT NULL,
  last_error       TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE lease (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('reports', 0), ('quarantine_bytes', 0), ('first_hour', -1000000000);
