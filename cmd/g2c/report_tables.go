package main

import (
	"path/filepath"
	"slices"

	"g2c/experiments/report"
	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

// The files of `g2c report --tables`, in the folder of the reports.
const (
	tablesPage = "tables.html"
	tablesJSON = "tables.json"
)

// reportsAndTables is `g2c report --tables --json`.
type reportsAndTables struct {
	Reports []rebuiltReport `json:"reports"`
	Tables  *report.Joined  `json:"tables"`
	Page    string          `json:"page"`
}

// joinReports puts runs together in the paper's tables.
func joinReports(all []stored, done []rebuiltReport) *report.Joined {
	var data []*report.Data
	var ids []string
	several := slices.ContainsFunc(all, func(run stored) bool { return run.dir != all[0].dir }) // stores
	for i, run := range all {
		id := run.id
		if several {
			id = inStore(run.dir, run.id)
		}
		data, ids = append(data, done[i].data), append(ids, id)
	}
	return report.Join(data, ids)
}

// tablesFolder is where the tables of runs are written: never into a report's own folder,
// which holds nothing else.
func tablesFolder(all []stored, out string) string {
	switch {
	case out == "":
		return filepath.Dir(reportFolder(all[0].dir, all[0].id))
	case len(all) > 1:
		return out
	}
	return filepath.Dir(filepath.Clean(out))
}

// writeTables writes the page and the JSON, and returns where the page is.
func writeTables(dir string, joined *report.Joined) (string, error) {
	html, err := joined.HTML()
	if err != nil {
		return "", err
	}
	text, err := joined.JSON()
	if err != nil {
		return "", err
	}
	page := filepath.Join(dir, tablesPage)
	for _, f := range []struct {
		path string
		text []byte
	}{{page, html}, {filepath.Join(dir, tablesJSON), text}} {
		if err := atomicfile.Write(f.path, atomicfile.Options{}, f.text); err != nil {
			return "", fault.New(fault.ErrUnavailable, "tables %s: %w", f.path, err)
		}
	}
	return page, nil
}
