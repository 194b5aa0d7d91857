package metrics

// Version rises whenever a number that an evaluation stores changes its meaning.
//
//	1  intervals are percentiles of a bootstrap over groups
//	2  intervals are Korn and Graubard's, MOVER for balanced accuracy
const Version = 2
