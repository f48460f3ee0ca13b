package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	classify "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
)

// licence is a licence file that was recognised.
type licence struct {
	ids        []string // of SPDX, sorted
	text       string   // word for word
	copyrights []string // the lines that claim it
	notice     string   // the text of NOTICE, or empty
}

// classifier recognises licences by their words.
type classifier struct{ words *classify.Classifier }

func newClassifier() (*classifier, error) {
	words, err := assets.DefaultClassifier()
	return &classifier{words}, err
}

// sure is the confidence from which on a licence counts as recognised.
const sure = 0.95

// read reads a licence file. One that holds several licences has parts from several hands, and all of them count.
func (c *classifier) read(path string) (licence, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return licence{}, err
	}
	var ids []string
	for _, m := range c.words.Match(text).Matches {
		if m.MatchType == "License" && m.Confidence >= sure {
			ids = append(ids, m.Name)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return licence{}, fmt.Errorf("%s: no licence is recognised: see what it is", path)
	}
	return licence{ids: ids, text: strings.TrimSpace(string(text)), copyrights: claims(string(text))}, nil
}

// expression is the licences as SPDX writes them.
func (l licence) expression() string { return strings.Join(l.ids, " AND ") }

var (
	claim = regexp.MustCompile(`(?im)^[\s*#/]*(copyright +(?:\(c\)|©|\d{4}).*)$`)
	blank = regexp.MustCompile(`\[yyyy\]|\{yyyy\}`) // the Apache licence's own example
)

// claims are the lines of a text that claim a copyright.
func claims(text string) []string {
	var found []string
	for _, m := range claim.FindAllStringSubmatch(text, -1) {
		if line := strings.TrimSpace(m[1]); !blank.MatchString(line) && !slices.Contains(found, line) {
			found = append(found, line)
		}
	}
	return found
}
