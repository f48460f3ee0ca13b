// Command bom tells what a Go program is made of, from the program itself: every module that is linked into it, with its
// licence.
//
//	bom [-version VERSION] [-licence FILE] -out DIR PROGRAM
//
// It writes four files: "copyright" is Debian's machine-readable copyright file (DEP-5), "licences" all licence texts,
// "expression" one SPDX expression, "cdx.json" a software bill of materials (CycloneDX 1.6). The same program gives the same
// bytes; the time in the bill is SOURCE_DATE_EPOCH. A licence that is not recognised is an error.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bom: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bom", flag.ContinueOnError)
	out := flags.String("out", ".", "where the files go")
	own := flags.String("licence", "LICENSE", "the program's own licence file")
	version := flags.String("version", "", "the program's own version")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one program")
	}
	p, err := readProgram(ctx, flags.Arg(0), *version, *own)
	if err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer, *program) error{
		"copyright": writeCopyright, "licences": writeLicences, "expression": writeExpression, "cdx.json": writeCycloneDX,
	} {
		var text bytes.Buffer
		if err := write(&text, p); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(*out, name), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
