package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A table holds the samples of each program.
type table struct {
	programs []string // the baseline first
	figures  []string // in the order of the rows
	samples  map[string][][]float64
}

func newTable(programs []program) *table {
	t := &table{samples: make(map[string][][]float64)}
	for _, p := range programs {
		t.programs = append(t.programs, p.name)
	}
	return t
}

// add adds a sample. A new figure becomes the next row.
func (t *table) add(figure string, program int, sample float64) {
	if t.samples[figure] == nil {
		t.figures = append(t.figures, figure)
		t.samples[figure] = make([][]float64, len(t.programs))
	}
	t.samples[figure][program] = append(t.samples[figure][program], sample)
}

// cell formats the median, the quartiles if there are several samples, and the
// ratio to the baseline.
func (t *table) cell(figure string, program int) string {
	samples := t.samples[figure]
	own, baseline := samples[program], samples[0]
	if len(own) == 0 {
		return ""
	}
	text := number(quantile(own, 0.5))
	if len(own) > 1 {
		text += fmt.Sprintf(" [%s–%s]", number(quantile(own, 0.25)), number(quantile(own, 0.75)))
	}
	if program > 0 && len(baseline) == len(own) {
		// Samples of the same round are close in time, so other load on the
		// machine affects both and largely cancels out in their ratio.
		ratios := make([]float64, len(own))
		for i := range own {
			ratios[i] = own[i] / baseline[i]
		}
		text += fmt.Sprintf(" ×%.2f", quantile(ratios, 0.5))
	}
	return text
}

// text formats the table for a terminal.
func (t *table) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range t.rows() {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	return b.String()
}

// markdown formats the table for MEASURED.md.
func (t *table) markdown() string {
	var b strings.Builder
	for i, row := range t.rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|%s\n", strings.Repeat("--:|", len(t.programs)))
		}
	}
	return b.String()
}

func (t *table) rows() [][]string {
	rows := [][]string{append([]string{"figure"}, t.programs...)}
	for _, figure := range t.figures {
		row := []string{figure}
		for i := range t.programs {
			row = append(row, t.cell(figure, i))
		}
		rows = append(rows, row)
	}
	return rows
}

// quantile returns the value below which a part of the samples lies, such as 0.5
// for the median. It interpolates between the two nearest samples.
func quantile(samples []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	position := part * float64(len(sorted)-1)
	below := int(position)
	if below+1 == len(sorted) {
		return sorted[below]
	}
	return sorted[below] + (position-float64(below))*(sorted[below+1]-sorted[below])
}

// number formats three digits, or all digits of a larger integer part.
func number(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int(math.Round(v)))
}

// count formats an integer with thousands separators.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
