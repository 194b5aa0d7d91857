package metrics

// The metrics that are functions of counts. Class 0 is the positive one.

// Recall is the share of a class's images that are called so.
func Recall(class int) Metric {
	return func(c Counts) Number {
		row := c.Confusion[class]
		return ratio(row[class], row[0]+row[1])
	}
}

// BalancedAccuracy is the mean of the two recalls.
func BalancedAccuracy(c Counts) Number { return (Recall(0)(c) + Recall(1)(c)) / 2 }

// Accuracy is the share of images called what they are.
func Accuracy(c Counts) Number {
	m := c.Confusion
	return ratio(m[0][0]+m[1][1], m[0][0]+m[0][1]+m[1][0]+m[1][1])
}

// F1 is the harmonic mean of precision and recall of the positive class.
func F1(c Counts) Number {
	m := c.Confusion
	return ratio(2*m[0][0], 2*m[0][0]+m[0][1]+m[1][0])
}

// Precision is the share of the images called positive that are.
func Precision(c Counts) Number {
	return ratio(c.Confusion[0][0], c.Confusion[0][0]+c.Confusion[1][0])
}

// Area is the area under the receiver operating characteristic: the probability that a
// positive image scores above a negative one, ties counting half.
func Area(c Counts) Number {
	m := c.Confusion
	if c.unscored {
		return Undefined()
	}
	return ratio(c.Won, 2*(m[0][0]+m[0][1])*(m[1][0]+m[1][1]))
}
