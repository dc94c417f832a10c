-- Which reporter saw which policy of a domain: first and last day, and how many
-- reports name it. strings and mx number the lists as in policy.
CREATE TABLE sighting (
  domain    INTEGER NOT NULL,
  reporter  INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  strings   INTEGER NOT NULL,
  mx        INTEGER NOT NULL,
  trust     INTEGER NOT NULL,
  source    INTEGER NOT NULL,
  first_day INTEGER NOT NULL,
  last_day  INTEGER NOT NULL,
  reports   INTEGER NOT NULL,
  PRIMARY KEY (domain, reporter, kind, strings, mx, trust, source)
) WITHOUT ROWID;
INSERT INTO sighting (domain, reporter, kind, strings, mx, trust, source, first_day, last_day, reports)
  SELECT p.domain, r.reporter, p.kind, p.strings, p.mx, r.trust, r.source, MIN(p.day), MAX(p.day), COUNT(DISTINCT p.report)
  FROM policy p CROSS JOIN report r ON r.id = p.report WHERE r.superseded = 0 GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- What came in each hour, counted as accounts do. It outlives the reports, as the ledger does.
CREATE TABLE arrival_hour (
  hour   INTEGER NOT NULL,
  source INTEGER NOT NULL,
  seen   INTEGER NOT NULL,
  PRIMARY KEY (hour, source)
) WITHOUT ROWID;
INSERT INTO arrival_hour (hour, source, seen)
  SELECT committed / 3600, source, SUM(stored + duplicate + quarantined + ignored) FROM ledger GROUP BY 1, 2;
