-- How many reports each version of the parser has read, so that none has to be
-- looked for where none is of an older one.
CREATE TABLE parsed (parser INTEGER PRIMARY KEY, reports INTEGER NOT NULL);
INSERT INTO parsed (parser, reports) SELECT parser, COUNT(*) FROM report GROUP BY parser;
