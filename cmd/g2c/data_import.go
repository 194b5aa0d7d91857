package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"g2c/internal/fault"
	"g2c/internal/idc"
)

// newDataImport is `g2c data import idc DIR -o TABLE`.
func newDataImport() *cobra.Command {
	var r idc.Request
	c := &cobra.Command{
		Use:   "import idc DIR -o TABLE.csv",
		Short: "Read a published data set with its original names into tables",
		Long: `Read a published data set with its original names into tables that data.labelled of a
spec can name. Images are neither copied nor changed.

idc: Janowczyk's invasive ductal carcinoma, <patient>/<0|1>/<patient>_idx5_x<X>_y<Y>_class<c>.png.
TABLE.csv has a line for each patch: path, label (0 or 1), patient. With --lists, a folder
with cases_train.txt, cases_val.txt and cases_test.txt, there is a column split too, and beside
TABLE.csv a table for each part: TABLE-train.csv, TABLE-validation.csv, TABLE-test.csv. Patches
of patients in no list are in TABLE.csv alone.

Files with other names, patches that are there twice, and patients in no list are said; so is
how many patches are smaller than 50x50, as those at the border of a slide are: they are in
the tables.

` + exitCodes,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "idc" {
				return fault.New(fault.ErrSpec, "no data set %q is known", args[0]).WithHint("known is idc")
			}
			r.Dir = args[1]
			report, err := idc.Import(r)
			if err != nil {
				return err
			}
			return printImport(c, report)
		},
	}
	c.Flags().StringVarP(&r.Table, "output", "o", "", "CSV file to write")
	c.Flags().StringVar(&r.Lists, "lists", "", "folder with the official lists of patients")
	c.Flags().BoolVar(&r.Both, "both-classes", false, "only patients who have patches of both classes")
	addForce(c, &r.Force)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

func printImport(c *cobra.Command, r *idc.Report) error {
	for _, n := range []struct {
		what  string
		names []string
	}{
		{"files left out, whose name is no patch's or not their folder's", r.Misnamed}, {"files left out, of a patch that is there already", r.Duplicate},
		{"files left out, which are no PNG", r.Unreadable}, {"patients in no list, in no table of a part", r.Unlisted}, {"patients left out, of one class", r.OneClass},
	} {
		if len(n.names) > 0 {
			say("note: %d %s: %s", len(n.names), n.what, some(n.names))
		}
	}
	if wantJSON(c) {
		return printJSON(r)
	}
	fmt.Fprintf(stdout, "%d patches of %d patients: %d positive, %d negative; %d smaller than %d×%d\n",
		r.Patches, r.Patients, r.Positive, r.Patches-r.Positive, r.Border, idc.Side, idc.Side)
	for _, part := range []string{"train", "validation", "test"} {
		if n := r.Parts[part]; n > 0 {
			fmt.Fprintf(stdout, "%s: %d patches\n", part, n)
		}
	}
	fmt.Fprintf(stdout, "tables: %s\n", strings.Join(r.Tables, ", "))
	return nil
}

// some are the first of names.
func some(names []string) string {
	const shown = 3
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		text += ", …"
	}
	return text
}
