package report

// The tables of Wu et al., G2C, AAAI 2019, with the numbers printed there. Accuracies are
// in per cent, and "accuracy" is the mean of the classes' accuracies: the balanced accuracy.

// Names of the paper's tasks in the built-in specs.
const (
	levelOne = "s-vs-noa"
	levelTwo = "ss-vs-gs"
	transfer = "idc"
	// standIn is the task of table 5 in the small spec, on synthetic tissue.
	standIn = "idc-small"
)

// unprinted is a cell that the paper leaves empty.
const unprinted = -1

// paperTable is a table as the paper prints it.
type paperTable struct {
	name, title string
	tasks       []string // whose arms the rows are
	columns     []paperColumn
	rows        []paperRow
}

// paperColumn is a column and where our number comes from.
type paperColumn struct {
	name     string
	decimals int
	of       func(*Summary) Mean
	times    float64 // what our number is multiplied by: 100 for per cent
}

// paperRow is a row: of the arms of these names the first that is there stands in it.
type paperRow struct {
	name  string
	arms  []string
	cells []float64
}

func armRow(arm string, cells ...float64) paperRow { return paperRow{arm, []string{arm}, cells} }

func percent(name string, of func(*Summary) Mean) paperColumn { return paperColumn{name, 2, of, 100} }

// recallOf is the accuracy of a class, 0 the positive one.
func recallOf(class int) func(*Summary) Mean {
	return func(s *Summary) Mean { return s.Recall[s.classes[class]] }
}

func balancedOf(s *Summary) Mean { return s.BalancedAccuracy }

// paperTables are Tables 2 to 5. Table 1, of the data, and the ablations have other forms.
func paperTables() []paperTable {
	return []paperTable{
		{
			"2", "Accuracy by category, s-vs-noa (%)", []string{levelOne},
			[]paperColumn{percent("s", recallOf(0)), percent("noa", recallOf(1)), percent("average", balancedOf)},
			[]paperRow{
				armRow("PAS_ONLY", 90.76, 90.73, 90.74), armRow("PAS_H&E", 92.74, 92.36, 92.55), armRow("PAS_MASSON", 92.39, 91.72, 92.06),
				armRow("PAS_PASM", 93.09, 91.83, 92.46), armRow("PAS_ALL", 93.68, 92.99, 93.34), armRow("PAS_ALL+", 94.15, 93.02, 93.68),
			},
		},
		{
			"3", "Accuracy by category, ss-vs-gs (%)", []string{levelTwo},
			[]paperColumn{percent("ss", recallOf(0)), percent("gs", recallOf(1)), percent("average", balancedOf)},
			[]paperRow{
				armRow("PAS_ONLY", 78.05, 96.76, 87.41), armRow("PAS_H&E", 79.23, 96.87, 88.05), armRow("PAS_MASSON", 78.31, 96.79, 87.55),
				armRow("PAS_PASM", 81.43, 97.57, 89.50), armRow("PAS_ALL", 81.59, 98.20, 89.90), armRow("PAS_ALL+", 82.23, 98.67, 90.45),
			},
		},
		{
			"4", "Training and test accuracy, and the gap between them, ss-vs-gs (%)", []string{levelTwo},
			[]paperColumn{
				percent("training", func(s *Summary) Mean { return s.train }), percent("testing", balancedOf),
				percent("gap", func(s *Summary) Mean { return s.Gap }),
			},
			[]paperRow{
				armRow("PAS_ONLY", 96.48, 87.41, 9.07), armRow("PAS_H&E", 94.90, 88.05, 6.85), armRow("PAS_MASSON", 93.23, 87.55, 5.68),
				armRow("PAS_PASM", 95.03, 89.50, 5.53), armRow("PAS_ALL", 94.87, 89.90, 4.97), armRow("PAS_ALL+", 95.07, 90.45, 4.62),
			},
		},
		{
			"5", "Breast cancer (IDC): F1 and balanced accuracy", []string{transfer, standIn},
			[]paperColumn{{"F1", 3, func(s *Summary) Mean { return s.F1 }, 1}, percent("accuracy (%)", balancedOf)},
			[]paperRow{
				{"Han and Ma 2002", []string{"FCH"}, []float64{0.675, 78.7}},
				{"Cruz-Roa et al. 2014", []string{"CNN"}, []float64{0.718, 84.23}},
				{"Janowczyk and Madabhushi 2016 (PAS_ONLY)", []string{"CIFAR10_QUICK", "ALEXNET"}, []float64{0.765, 84.68}},
				armRow("PAS_ALL+", 0.841, 88.28),
				armRow("HE_ONLY", unprinted, unprinted), armRow("HE_ALL+", unprinted, unprinted),
			},
		},
	}
}

// paperCounts are Table 1: labelled glomeruli by class, in training and testing.
var paperCounts = []struct {
	class       string
	train, test int
}{{"ss", 648, 237}, {"gs", 2002, 618}, {"noa", 7000, 2828}}

// ablation is a change of the design, with what the paper says that it changes of the
// accuracy, in points of per cent.
type ablation struct {
	what, arm, against string
	points             map[string]float64 // by task; absent where the paper gives no number
}

// ablations are what the paper says beside its tables, and what it leaves out.
var ablations = []ablation{
	{"without augmentation", "PAS_ONLY-plain", "PAS_ONLY", map[string]float64{levelTwo: -1.20}},
	{"attention on PAS alone", "PAS_ONLY-attention", "PAS_ONLY", map[string]float64{levelOne: 0.30, levelTwo: 0.09}},
	{"cross-stain attention", "PAS_ALL+", "PAS_ALL", map[string]float64{levelOne: 0.34, levelTwo: 0.55}},
	{"generators frozen throughout", "PAS_ALL-frozen", "PAS_ALL", map[string]float64{levelOne: -1.10, levelTwo: -1.54}},
	{"a 7×7 convolution for the stem", "PAS_ALL-conv7", "PAS_ALL", nil},
	{"branches share no weights", "PAS_ALL-unshared", "PAS_ALL", nil},
	{"without PASM", "PAS_H&E+MASSON", "PAS_ALL+", nil},
	{"without MASSON", "PAS_H&E+PASM", "PAS_ALL+", nil},
	{"without H&E", "PAS_MASSON+PASM", "PAS_ALL+", nil},
	{"1 residual block a generator", "PAS_ALL+b1", "PAS_ALL+", nil},
	{"3 residual blocks a generator", "PAS_ALL+b3", "PAS_ALL+", nil},
	{"6 residual blocks a generator", "PAS_ALL+b6", "PAS_ALL+", nil},
}

// paperNotes are what the paper says of numbers that our tables cannot show.
var paperNotes = map[string]string{
	"2":         "The paper prints 93.68 as the average of PAS_ALL+; the mean of its classes is 93.585.",
	"5":         "The paper calls its baseline AlexNet; the code that it reproduces is Caffe's CIFAR10_quick. The images are H&E, and the paper calls them PAS: HE_ONLY and HE_ALL+, which it has not, take them for what they are.",
	"ablations": "Of the stem the paper says that it gains over 1 % against a 7×7 convolution, without a table.",
}

// paperP are the p values that the paper gives for PAS_ALL against PAS_ONLY.
var paperP = map[string]float64{levelOne: 0.011, levelTwo: 0.0014}
