package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"g2c/checkpoint/s3store"
	"g2c/checkpoint/store"
	"g2c/experiments/report"
	"g2c/internal/fault"
)

// A report is a folder: that of a directory store lies in it, that of a bucket lies under
// reports/ where g2c runs, and a copy of its files in the bucket under the same name.

// reportFolder is where the report of a run is written.
func reportFolder(storePath, id string) string {
	if s3store.Is(storePath) {
		return filepath.Join(reportsDir, id)
	}
	return filepath.Join(storePath, reportsDir, id)
}

// bucketFolder is the folder of a report in a bucket.
func bucketFolder(id string) string { return reportsDir + "/" + id }

// publish copies a report that was written into the bucket that is its store; a directory
// store has it already. Files of the report before that the new one has not are deleted.
func publish(ctx context.Context, s store.Store, id, dir string) error {
	b, ok := s.(*s3store.Store)
	if !ok {
		return nil
	}
	names, err := report.Written(dir)
	if err != nil {
		return err
	}
	old, err := published(ctx, b, id)
	if err != nil {
		return err
	}
	var files []s3store.File
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return fault.New(fault.ErrUnavailable, "read report: %w", err)
		}
		files = append(files, s3store.File{Name: name, Bytes: data})
	}
	if err := b.PutFiles(ctx, bucketFolder(id), files); err != nil {
		return err
	}
	return b.DeleteFiles(ctx, bucketFolder(id), slices.DeleteFunc(old, func(name string) bool { return slices.Contains(names, name) }))
}

// published lists the files of a report in a bucket; none if it has none.
func published(ctx context.Context, b *s3store.Store, id string) ([]string, error) {
	mark, err := b.GetFile(ctx, bucketFolder(id)+"/"+report.MarkFile)
	if err != nil || mark == nil {
		return nil, err
	}
	return report.Listed(mark)
}

// reportPage is the page of a run's report in its store, for people; empty if there is none.
func reportPage(ctx context.Context, s store.Store, storePath, id string) (string, error) {
	name := reportsDir + "/" + id + "/" + report.IndexFile
	page := inStore(storePath, name)
	if b, ok := s.(*s3store.Store); ok {
		there, err := b.HasFile(ctx, name)
		if !there {
			page = ""
		}
		return page, err
	}
	if _, err := os.Stat(page); err != nil {
		return "", nil
	}
	return page, nil
}

// hasReport tells whether a store has a report of a run, or what is left of one.
func hasReport(ctx context.Context, s store.Store, storePath, id string) (bool, error) {
	if b, ok := s.(*s3store.Store); ok {
		names, err := published(ctx, b, id)
		return len(names) > 0, err
	}
	_, err := os.Lstat(filepath.Join(storePath, reportsDir, id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fault.New(fault.ErrUnavailable, "look for the report: %w", err)
	}
	return err == nil, nil
}

// removeReport removes the report of a run from its store; what else lies in its folder stays.
func removeReport(ctx context.Context, s store.Store, storePath, id string) error {
	if b, ok := s.(*s3store.Store); ok {
		names, err := published(ctx, b, id)
		if err != nil {
			return err
		}
		return b.DeleteFiles(ctx, bucketFolder(id), names)
	}
	page := filepath.Join(storePath, reportsDir, id)
	whole, err := report.Remove(page)
	if err != nil {
		return fault.New(fault.ErrUnavailable, "delete the report: %w", err)
	}
	if !whole {
		say("note: %s holds what is not of the report, and that stays", page)
	}
	return nil
}
