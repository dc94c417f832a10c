-- Which of several reports that claim to be the same counts is decided otherwise
-- than before: settle them anew (see upgrade.go).
UPDATE meta SET value = 1 WHERE name = 'resettle';
