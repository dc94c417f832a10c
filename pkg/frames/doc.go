// Package frames turns results into Grafana data frames by the data plane
// contract: time series multi for trends, numeric long for summaries, tables
// for the rest. Names of fields are the words of the public contract, to the
// letter; what people read stands in units, descriptions and, in tables,
// display names.
package frames
