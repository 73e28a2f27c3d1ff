package goesstore_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// lines returns a text without blanks at the ends of its lines, empty lines, and where comments are aligned.
func lines(text string) string {
	var all []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}

// What the documentation shows in Go is in example_test.go, which runs, or the call of goes' own that it
// takes the place of.
func TestTheDocumentationShowsWhatRuns(t *testing.T) {
	program, err := os.ReadFile("example_test.go")
	must(t, err)
	pages := []string{"README.md"}
	if page := os.Getenv("DOCS_GOES"); page != "" {
		pages = append(pages, page)
	} else {
		t.Log("DOCS_GOES does not name docs/goes.md: make goes does")
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		must(t, err)
		for _, block := range goBlock.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(block[1], "postgres.NewEventStore(enc") {
				continue
			}
			if !strings.Contains(lines(string(program)), lines(block[1])) {
				t.Errorf("%s shows what is not in example_test.go:\n%s", page, block[1])
			}
		}
	}
}
