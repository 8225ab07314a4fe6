# Answers of `kedge --format json` against proto/schema: `follows NAME` keeps $WORK/out to be judged by NAME.schema.json,
# `schemas_judge` judges all that was kept, in one go. Sourced after lib.sh.
# shellcheck shell=bash
python3 -c 'import jsonschema' 2>/dev/null || { echo "python3-jsonschema is not installed"; exit 77; }
mkdir "$WORK/docs"
DOCS=100
follows() { DOCS=$((DOCS + 1)); cp "$WORK/out" "$WORK/docs/$DOCS.$1"; }
schemas_judge() {
	python3 -W ignore - "$KEDGE_SRC/proto/schema" "$WORK/docs" <<-'PY' || fail "a document does not follow its schema"
	import json, os, sys, jsonschema
	schemas, docs = sys.argv[1:]
	store = {f: json.load(open(os.path.join(schemas, f))) for f in os.listdir(schemas)}
	for name, schema in store.items():
	    jsonschema.Draft202012Validator.check_schema(schema)
	for name in sorted(os.listdir(docs)):
	    schema = store[name.split(".")[1] + ".schema.json"]
	    resolver = jsonschema.RefResolver("", schema, store=store)
	    try:
	        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(json.load(open(os.path.join(docs, name))))
	    except jsonschema.ValidationError as e:
	        sys.exit("%s: %s at %s" % (name, e.message, list(e.absolute_path)))
	print(len(os.listdir(docs)), "documents follow their schemas")
	PY
}
