// Package ingest is the engine: it polls the sources of every data source on a
// schedule, makes deliveries of what they hold, commits those to the store, and
// only then lets the sources change anything on their servers.
//
// The engine belongs to the process, not to an instance of the plugin: Grafana
// lets two instances of one data source overlap, and disposes of none when a
// data source is deleted. An [Engine] therefore keeps one [Collector] a data
// source, with the newest settings that anyone brought. A collector polls only
// while it holds the lease of its store, so that two processes on one file do
// not fetch everything twice; reading needs no lease.
//
// The life of an item: a source hands it to the [source.Sink] of its poll,
// which reads the body within bounds; a [Pipeline] makes it a [store.Delivery]
// on a worker; the sink commits deliveries in batches, in the order in which
// they came; the source then asks which of them it may acknowledge. A process
// that is killed between any two of these steps does the rest at its next
// start, since the ledger row stands in the transaction of the reports.
//
// What is stored is not settled for ever: mails that DNS left undecided are
// judged again, and reports that a newer parser or other domains of the
// settings would read otherwise are read again from their documents.
package ingest
