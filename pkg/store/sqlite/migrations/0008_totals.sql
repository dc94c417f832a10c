-- Sums of domains over all kinds, packed. The program fills them from those by
-- kind (see upgrade.go).
CREATE TABLE domain_total_day (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
CREATE TABLE domain_total_month (id INTEGER PRIMARY KEY, cells BLOB NOT NULL);
INSERT INTO meta (name, value) VALUES ('retotal', 1);
