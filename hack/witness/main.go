//go:build linux

// Command witness is a workload that tells a witness what it does, see test/witness,
// and judges what was told:
//
//	WITNESS_KEY=k WITNESS_ID=a MONGOGATE_TOKEN=1 witness -log FILE [-for 2s] [-deaf] [-daemon]
//	witness judge FILE
package main

import (
	"fmt"
	"os"

	"github.com/mongogate/mongogate/test/witness"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "judge" {
		os.Exit(judge(os.Args[2]))
	}
	os.Exit(witness.Main(os.Args[1:]))
}

func judge(path string) int {
	entries, err := witness.Read(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	v := witness.Judge(entries)
	for _, r := range v.Runs {
		fmt.Printf("%s  %-24s token %d  ran %v\n", r.Key, r.ID, r.Token, r.LastAlive-r.Start)
	}
	for _, f := range v.Faults {
		fmt.Println("FAULT:", f)
	}
	fmt.Printf("%d workloads, %d faults, %d overlaps excused\n", len(v.Runs), len(v.Faults), v.Excused)
	if !v.Clean() {
		return 1
	}
	return 0
}
