package main

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sqlitedriver "modernc.org/sqlite"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// floorBatch is how many reports one transaction of the floor holds.
const floorBatch = 200

// plainRollups stand for those that the store packs: the same sums, as rows. Of
// the hours that tell failures apart the store has a table already, for what
// comes late.
const plainRollups = `
	CREATE TABLE plain_domain_day (domain, day, kind, trust, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (domain, day, kind, trust)) WITHOUT ROWID;
	CREATE INDEX plain_domain_day_failing ON plain_domain_day (day, domain) WHERE failed > 0;
	CREATE TABLE plain_domain_month (domain, month, kind, trust, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (domain, month, kind, trust)) WITHOUT ROWID;
	CREATE TABLE plain_domain_total_day (domain, day, trust, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (domain, day, trust)) WITHOUT ROWID;
	CREATE TABLE plain_domain_total_month (domain, month, trust, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (domain, month, trust)) WITHOUT ROWID;
	CREATE TABLE plain_domain_reporter_day (domain, day, reporter, kind, trust, source, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (domain, day, reporter, kind, trust, source)) WITHOUT ROWID;
	CREATE TABLE plain_stored_hour (hour, domain, reporter, kind, trust, source, late, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (hour, domain, reporter, kind, trust, source, late)) WITHOUT ROWID;
	CREATE TABLE plain_total_hour (hour, kind, trust, source, late, reports, pairs, successful, failed, overlap_total, overlap_failed,
		PRIMARY KEY (hour, kind, trust, source, late)) WITHOUT ROWID;
	CREATE TABLE plain_failure_result_day (domain, day, reporter, result, kind, trust, source, details, failed, overlap,
		PRIMARY KEY (domain, day, reporter, result, kind, trust, source)) WITHOUT ROWID;
	CREATE TABLE plain_failure_domain_day (domain, day, reporter, result, reason, mx, network, kind, trust, source, details, failed, overlap,
		PRIMARY KEY (domain, day, reporter, result, reason, mx, network, kind, trust, source)) WITHOUT ROWID;
	CREATE INDEX plain_failure_domain_day_covering ON plain_failure_domain_day
		(day, domain, reporter, result, reason, mx, network, kind, trust, source, details, failed, overlap);`

// A floor writes what every importer has to write: the same tables, indexes
// and rollups, by prepared statements. It looks for no duplicate, no rival, no
// overlap and no signature, checks nothing, and keeps each document as packed
// as it came.
type floor struct {
	conn       driver.Conn
	statements map[string]driver.Stmt
	policies   []target // rollups of policies
	failures   []target // rollups of failures
	strings    map[string]int64
	kinds      map[[2]string]int64
	reports    int64
}

// A target is a table with its columns in the order of its statement.
type target struct {
	statement driver.Stmt
	columns   []string
}

type values map[string]driver.Value

// importFloor imports a folder of mails.
func importFloor(ctx context.Context, dir, file string) (err error) {
	empty, err := sqlite.Open(ctx, file) // for its schema
	if err == nil {
		err = empty.Close()
	}
	if err != nil {
		return err
	}
	connector, err := sqlitedriver.NewConnector("file:" + file)
	if err != nil {
		return err
	}
	f := &floor{statements: map[string]driver.Stmt{}, strings: map[string]int64{}, kinds: map[[2]string]int64{}}
	if f.conn, err = connector.Connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	interrupted := ctx
	ctx = context.WithoutCancel(ctx) // the driver watches others with a goroutine a statement
	for _, pragma := range []string{"synchronous = FULL", "temp_store = MEMORY", "cache_size = -32768", "wal_autocheckpoint = 4096"} {
		if err := f.exec(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	for _, statement := range strings.SplitAfter(plainRollups, ";") {
		if err := f.exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := f.findRollups(ctx); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(files, floorBatch) {
		if interrupted.Err() != nil {
			return interrupted.Err()
		}
		if err := f.importBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// close brings the log into the file, which open statements would keep from it.
func (f *floor) close() (err error) {
	for _, statement := range f.statements {
		err = errors.Join(err, statement.Close())
	}
	return errors.Join(err, f.conn.Close())
}

func (f *floor) importBatch(ctx context.Context, files []string) error {
	if err := f.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, file := range files {
		m, err := readMail(file)
		if err == nil {
			err = f.write(ctx, file, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return f.exec(ctx, "COMMIT")
}

// write writes one report with everything that follows from it.
func (f *floor) write(ctx context.Context, ref string, m plainMail) error {
	d, hash := &m.document, sha256.Sum256(m.inflated)
	f.reports++
	id, now := f.reports, time.Now().Unix()
	day := d.DateRange.Start.Unix() / 86400
	month := int64(12*d.DateRange.Start.UTC().Year() + int(d.DateRange.Start.UTC().Month()) - 1)
	short := func(part int) int64 { return int64(binary.BigEndian.Uint64(hash[part:])) }
	reporter, err := f.number(ctx, 4, d.Organization)
	if err != nil {
		return err
	}
	contact, err := f.number(ctx, 0, d.Contact)
	if err != nil {
		return err
	}
	source, err := f.number(ctx, 5, "import")
	if err != nil {
		return err
	}
	if err := f.exec(ctx, "INSERT INTO ledger (id, hash, source, ref, received, committed, size, stored, duplicate, quarantined, ignored, why, state) VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0, 0, 1)",
		id, short(8), source, ref, now, now, m.size); err != nil {
		return err
	}
	if err := f.exec(ctx, `INSERT INTO report (id, hash0, hash, name_key, sign_key, reporter, day, starts, ends, received, source, ledger, stored, late, trust,
		reason, signed_by, route, judged, superseded, warnings, contact, report_id, parser) VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, 1, 4, 0, 0, 0, ?, 0, 0, ?, ?, 1)`,
		id, short(0), hash[:], short(16), reporter, day, d.DateRange.Start.Unix(), d.DateRange.End.Unix(), now, source, id, now, id, contact, d.ID); err != nil {
		return err
	}
	if err := f.exec(ctx, "INSERT INTO document (report, frame) VALUES (?, ?)", id, m.packed); err != nil {
		return err
	}
	if err := f.exec(ctx, "INSERT INTO delivery (report, ledger, trust, reason, signed_by, route) VALUES (?, ?, 4, 0, 0, 0)", id, id); err != nil {
		return err
	}
	common := values{"day": day, "month": month, "hour": now / 3600, "late": int64(1), "reporter": reporter, "source": source, "trust": int64(4), "reports": int64(1), "pairs": int64(1)}
	for i := range d.Policies {
		if err := f.writePolicy(ctx, id, int64(i), d, common); err != nil {
			return err
		}
	}
	return f.exec(ctx, "INSERT INTO arrival_hour (hour, source, seen) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET seen = seen + 1", now/3600, source)
}

func (f *floor) writePolicy(ctx context.Context, id, index int64, d *document, common values) error {
	p := &d.Policies[index]
	domain, err := f.number(ctx, 1, p.Policy.Domain)
	if err != nil {
		return err
	}
	text, err := f.number(ctx, 0, strings.Join(p.Policy.Strings, "\n"))
	if err != nil {
		return err
	}
	kind, err := f.kind(ctx, p.Policy.Type, modeOf(p.Policy.Strings))
	if err != nil {
		return err
	}
	day, reporter, source := common["day"], common["reporter"], common["source"]
	if err := f.exec(ctx, `INSERT INTO policy (domain, day, report, idx, kind, reports, pairs, successful, failed, overlap_total, overlap_failed, strings, mx)
		VALUES (?, ?, ?, ?, ?, 1, 1, ?, ?, 0, 0, ?, 0)`, domain, day, id, index, kind, p.Summary.Successful, p.Summary.Failed, text); err != nil {
		return err
	}
	common["domain"], common["kind"], common["successful"], common["failed"] = domain, kind, p.Summary.Successful, p.Summary.Failed
	if err := f.add(ctx, f.policies, common); err != nil {
		return err
	}
	for _, trust := range []int64{0, 4} {
		if err := f.exec(ctx, `INSERT INTO heard (domain, reporter, trust, first_day, last_day, last_stored, reports, days) VALUES (?, ?, ?, ?, ?, ?, 1, 1)
			ON CONFLICT DO UPDATE SET last_day = max(last_day, excluded.last_day), last_stored = excluded.last_stored, reports = reports + 1, days = days + 1`,
			domain, reporter, trust, day, day, common["hour"]); err != nil {
			return err
		}
	}
	if err := f.exec(ctx, `INSERT INTO sighting (domain, reporter, kind, strings, mx, trust, source, first_day, last_day, reports) VALUES (?, ?, ?, ?, 0, 4, ?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET last_day = max(last_day, excluded.last_day), reports = reports + 1`, domain, reporter, kind, text, source, day, day); err != nil {
		return err
	}
	for i := range p.Details {
		if err := f.writeFailure(ctx, id, index, int64(i), p.Details[i].Failed, []string{
			p.Details[i].Result, p.Details[i].Reason, p.Details[i].MX, p.Details[i].ReceivingIP, p.Details[i].SendingIP,
			networkOf(p.Details[i].SendingIP), p.Details[i].Helo, p.Details[i].Information,
		}, common); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) writeFailure(ctx context.Context, id, policy, index, failed int64, texts []string, common values) error {
	numbers := make([]int64, len(texts))
	for i, text := range texts {
		var err error
		if numbers[i], err = f.number(ctx, int64(6+i), text); err != nil {
			return err
		}
	}
	if err := f.exec(ctx, `INSERT INTO failure (domain, day, report, policy, idx, kind, result, reason, mx, receiving_ip, sending_ip, network, failed, overlap, helo, reason_code, information)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`, common["domain"], common["day"], id, policy, index, common["kind"],
		numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], failed, numbers[6], numbers[1], numbers[7]); err != nil {
		return err
	}
	detail := values{"result": numbers[0], "reason": numbers[1], "mx": numbers[2], "network": numbers[5], "details": int64(1), "failed": failed}
	for _, name := range []string{"day", "hour", "late", "domain", "reporter", "kind", "source", "trust"} {
		detail[name] = common[name]
	}
	return f.add(ctx, f.failures, detail)
}

func modeOf(lines []string) string {
	for _, line := range lines {
		if mode, ok := strings.CutPrefix(line, "mode:"); ok {
			return strings.TrimSpace(mode)
		}
	}
	return ""
}

func networkOf(ip string) string {
	if cut := strings.LastIndexByte(ip, '.'); cut > 0 {
		return ip[:cut] + ".0/24"
	}
	return ip
}

// add adds values to every table.
func (f *floor) add(ctx context.Context, tables []target, v values) error {
	for _, t := range tables {
		args := make([]driver.NamedValue, len(t.columns))
		for i, column := range t.columns {
			args[i] = driver.NamedValue{Ordinal: i + 1, Value: int64(0)}
			if value, ok := v[column]; ok {
				args[i].Value = value
			}
		}
		if _, err := t.statement.(driver.StmtExecContext).ExecContext(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

// findRollups prepares a statement for every rollup of the schema.
func (f *floor) findRollups(ctx context.Context) error {
	tables, err := f.texts(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	if err != nil {
		return err
	}
	for _, name := range tables {
		measures, err := f.texts(ctx, "SELECT name FROM pragma_table_info('"+name+"') WHERE pk = 0 ORDER BY cid")
		if err != nil {
			return err
		}
		keys, err := f.texts(ctx, "SELECT name FROM pragma_table_info('"+name+"') WHERE pk > 0 ORDER BY cid")
		if err != nil {
			return err
		}
		of := &f.policies
		switch {
		case slices.Contains(measures, "pairs") && !slices.Contains(keys, "report"):
		case slices.Contains(measures, "details"):
			of = &f.failures
		default:
			continue
		}
		columns := slices.Concat(keys, measures)
		sums := make([]string, len(measures))
		for i, m := range measures {
			sums[i] = fmt.Sprintf("%s = %s + excluded.%s", m, m, m)
		}
		statement, err := f.prepare(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s) ON CONFLICT DO UPDATE SET %s",
			name, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1), strings.Join(sums, ", ")))
		if err != nil {
			return err
		}
		*of = append(*of, target{statement, columns})
	}
	return nil
}

// number is that of a string in the dictionary.
func (f *floor) number(ctx context.Context, class int64, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	key := fmt.Sprint(class, text)
	if id, ok := f.strings[key]; ok {
		return id, nil
	}
	id := int64(len(f.strings) + 1)
	f.strings[key] = id
	sum := sha256.Sum256([]byte(key))
	return id, f.exec(ctx, "INSERT INTO dict (id, class, hash, value) VALUES (?, ?, ?, ?)", id, class, int64(binary.BigEndian.Uint64(sum[:8])), text)
}

func (f *floor) kind(ctx context.Context, name, mode string) (int64, error) {
	if id, ok := f.kinds[[2]string{name, mode}]; ok {
		return id, nil
	}
	kind, err := f.number(ctx, 2, name)
	if err != nil {
		return 0, err
	}
	of, err := f.number(ctx, 3, mode)
	if err != nil {
		return 0, err
	}
	id := int64(len(f.kinds) + 1)
	f.kinds[[2]string{name, mode}] = id
	return id, f.exec(ctx, "INSERT INTO kind (id, shape, type, mode) VALUES (?, ?, ?, ?)", id, id, kind, of)
}

func (f *floor) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if statement := f.statements[query]; statement != nil {
		return statement, nil
	}
	statement, err := f.conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	f.statements[query] = statement
	return statement, nil
}

func (f *floor) exec(ctx context.Context, query string, args ...driver.Value) error {
	statement, err := f.prepare(ctx, query)
	if err != nil {
		return err
	}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	_, err = statement.(driver.StmtExecContext).ExecContext(ctx, named)
	return err
}

func (f *floor) texts(ctx context.Context, query string) (found []string, err error) {
	statement, err := f.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.(driver.StmtQueryContext).QueryContext(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, 1)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, err
		}
		text, _ := row[0].(string)
		found = append(found, text)
	}
}
