package fakemongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// find answers everything in the first batch: no cursor stays open.
func find(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	filter, err := document(x.body, "filter")
	if err != nil {
		return nil, err
	}
	project, err := parseProjection(x.body, "projection")
	if err != nil {
		return nil, err
	}
	sort, err := document(x.body, "sort")
	if err != nil {
		return nil, err
	}
	if len(sort) > 0 && (len(sort) != 1 || sort[0] != bson.E{Key: "_id", Value: int32(1)}) {
		return nil, unsupported("the sort %v", sort)
	}
	if truthy(lookup(x.body, "tailable")) {
		return nil, fail(2, "error processing query: tailable cursor requested on non capped collection")
	}
	docs, err := x.data.match(namespace, filter, 0, x.now)
	if err != nil {
		return nil, err
	}
	if len(sort) > 0 {
		err = sortByID(docs)
	}
	if limit := number(x.body, "limit"); limit > 0 && limit < len(docs) {
		docs = docs[:limit]
	}
	batch := bson.A{}
	for _, d := range docs {
		batch = append(batch, project(d.doc))
	}
	return firstBatch(namespace, batch), err
}

func sortByID(docs []found) (failed error) {
	slices.SortStableFunc(docs, func(a, b found) int {
		c, err := compare(lookup(a.doc, "_id"), lookup(b.doc, "_id"))
		if err != nil {
			failed = err
		}
		return c
	})
	return failed
}

// parseProjection takes fields to leave out, which is all that is implemented.
func parseProjection(body bson.D, field string) (func(bson.D) bson.D, error) {
	spec, err := document(body, field)
	if err != nil {
		return nil, err
	}
	for _, e := range spec {
		if n, ok := integral(e.Value); !ok || n != 0 || e.Key == "_id" || !isName(e.Key) {
			return nil, unsupported("the projection %v", spec)
		}
	}
	return func(doc bson.D) bson.D {
		for _, e := range spec {
			doc = with(doc, e.Key, missing)
		}
		return doc
	}, nil
}

func firstBatch(namespace string, batch bson.A) bson.D {
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "firstBatch", Value: batch}, {Key: "id", Value: int64(0)}, {Key: "ns", Value: namespace},
	}}}
}

func createIndexes(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	list, ok := lookup(x.body, "indexes").(bson.A)
	if !ok || len(list) == 0 {
		return nil, fail(2, "Must specify at least one index to create")
	}
	_, existed := x.data.collections[namespace]
	coll := x.data.collection(namespace)
	before := int32(len(coll.indexes) + 1)
	for _, item := range list {
		spec, ok := item.(bson.D)
		if !ok {
			return nil, fail(14, "The elements of the 'indexes' array must be objects")
		}
		known := slices.ContainsFunc(coll.indexes, func(i bson.D) bool { return lookup(i, "name") == lookup(spec, "name") })
		if !known {
			coll.indexes = append(coll.indexes, append(bson.D{{Key: "v", Value: int32(2)}}, with(spec, "v", missing)...))
			x.changed = true
		}
	}
	return bson.D{
		{Key: "numIndexesBefore", Value: before},
		{Key: "numIndexesAfter", Value: int32(len(coll.indexes) + 1)},
		{Key: "createdCollectionAutomatically", Value: !existed},
	}, nil
}

func listIndexes(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	coll, ok := x.data.collections[namespace]
	if !ok {
		return nil, fail(26, "ns does not exist: %s", namespace)
	}
	batch := bson.A{bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: bson.D{{Key: "_id", Value: int32(1)}}}, {Key: "name", Value: "_id_"}}}
	for _, spec := range coll.indexes {
		batch = append(batch, spec)
	}
	return firstBatch(namespace, batch), nil
}

func dropDatabase(x *execution) (bson.D, error) {
	for name := range x.data.collections {
		if strings.HasPrefix(name, x.db+".") {
			delete(x.data.collections, name)
			x.changed = true
		}
	}
	return nil, nil
}

func buildInfo(*execution) (bson.D, error) {
	return bson.D{
		{Key: "version", Value: "7.0.0"},
		{Key: "gitVersion", Value: "fakemongo"},
		{Key: "versionArray", Value: bson.A{int32(7), int32(0), int32(0), int32(0)}},
		{Key: "modules", Value: bson.A{"fakemongo"}},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
	}, nil
}
