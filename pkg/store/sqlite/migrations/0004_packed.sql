-- Sums of domains by day, month and hour are packed, the domains of a chunk in
-- one row (see packed.go). The program fills them from those of version 3, and
-- drops these (see upgrade.go).
ALTER TABLE domain_day RENAME TO old_domain_day;
DROP INDEX domain_day_failing;
ALTER TABLE domain_month RENAME TO old_domain_month;
ALTER TABLE domain_reporter_day RENAME TO old_domain_reporter_day;
ALTER TABLE stored_hour RENAME TO old_stored_hour;
CREATE TABLE domain_day (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE domain_month (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE domain_reporter_day (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
-- Reports stored within a week after their periods ended, and later.
CREATE TABLE stored_hour (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE stored_hour_late (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
INSERT INTO meta (name, value) VALUES ('repack', 1);
