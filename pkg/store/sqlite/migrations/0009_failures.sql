-- Sums of failure details are packed as those of domains are (see packed.go),
-- those by day also without what a detail says of servers and reasons. The
-- program fills them from those of version 8, and drops these (see upgrade.go).
ALTER TABLE failure_domain_day RENAME TO old_failure_domain_day;
DROP INDEX failure_domain_day_covering;
ALTER TABLE failure_stored_hour RENAME TO old_failure_stored_hour;
CREATE TABLE failure_domain_day (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE failure_result_day (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE failure_stored_hour (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);

-- Details of reports stored over a week after their periods ended.
CREATE TABLE failure_stored_hour_late (
  hour INTEGER NOT NULL, domain INTEGER NOT NULL, reporter INTEGER NOT NULL, result INTEGER NOT NULL,
  reason INTEGER NOT NULL, mx INTEGER NOT NULL, network INTEGER NOT NULL, kind INTEGER NOT NULL,
  trust INTEGER NOT NULL, source INTEGER NOT NULL, late INTEGER NOT NULL,
  details INTEGER NOT NULL, failed INTEGER NOT NULL, overlap INTEGER NOT NULL,
  PRIMARY KEY (hour, domain, reporter, result, reason, mx, network, kind, trust, source, late)
) WITHOUT ROWID;
INSERT INTO failure_stored_hour_late SELECT * FROM old_failure_stored_hour WHERE late > 168;

-- Sums of all domains by the hour stored.
CREATE TABLE total_hour (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE total_hour_late (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
INSERT INTO meta (name, value) VALUES ('coarsen', 1);
