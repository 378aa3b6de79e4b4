package main

import (
	"bytes"
	"fmt"
	"html"
	"slices"
)

// The picture has two panels, one above the other, with a bar for each program.
const (
	chartWidth = 720
	barsLeft   = 130 // x of the bars; the names are left of them
	barsWidth  = 440 // width of the longest bar
	barHeight  = 22
	rowHeight  = 30
)

const chartStyle = `
text{font:14px system-ui,sans-serif;fill:#1f2328}
.title{font-weight:600}
.name{text-anchor:end}
rect{fill:#afb8c1}
.own{fill:#0969da}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#57606a}.own{fill:#4493f8}}
`

// drawChart returns an SVG picture of the bytes pulled and the time to the first
// answer. It has no background, and its colours suit light and dark pages.
func drawChart(t *table) []byte {
	figures := []struct{ figure, title, unit string }{
		{pulled(host), "Bytes pulled, " + host.String() + " (argserver: image; others: compressed binary)", "MB"},
		{firstAnswer, "Time from exec to the first answer", "ms"},
	}
	panelHeight := 36 + rowHeight*len(t.programs)
	height := panelHeight*len(figures) + 10
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", chartWidth, height)
	fmt.Fprintf(&b, "<title>Bytes pulled and time to the first answer: argserver compared with other servers</title>\n<style>%s</style>\n", chartStyle)
	for panel, f := range figures {
		top := panel * panelHeight
		fmt.Fprintf(&b, `<text class="title" x="10" y="%d">%s</text>`+"\n", top+24, html.EscapeString(f.title))
		medians := make([]float64, len(t.programs))
		for i, samples := range t.samples[f.figure] {
			medians[i] = quantile(samples, 0.5)
			if f.unit == "MB" {
				medians[i] /= 1e6
			}
		}
		for i, name := range t.programs {
			class := ""
			if i == 1 {
				class = ` class="own"`
			}
			y := top + 36 + i*rowHeight
			width := medians[i] / slices.Max(medians) * barsWidth
			fmt.Fprintf(&b, `<text class="name" x="%d" y="%d">%s</text>`, barsLeft-8, y+16, html.EscapeString(name))
			fmt.Fprintf(&b, `<rect%s x="%d" y="%d" width="%.1f" height="%d" rx="3"/>`, class, barsLeft, y, width, barHeight)
			fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s %s</text>`+"\n", barsLeft+width+8, y+16, number(medians[i]), f.unit)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
