/* kb_table.h — the tables that kb_compile writes from policies/kb/NAME.json. For knowledge.c only.
 *
 * Offsets instead of pointers where many texts are meant: a position-independent program relocates every pointer at
 * each start, and most starts never ask for these texts.
 */
#ifndef KEDGE_POLICIES_KB_TABLE_H
#define KEDGE_POLICIES_KB_TABLE_H

#include "policies/knowledge.h"

/* Columns of kb_docs: offsets into kb_texts; 0 says that there is no such text (an empty text, an empty list). */
enum kb_doc {
	KB_UNIT,
	KB_INITIAL,
	KB_INITIAL_RULE,
	KB_BOUNDS_NOTE,
	KB_EFFECT,
	KB_MEANING,
	KB_WORDS,
	KB_HAZARDS,
	KB_RELATIONS,
	KB_HISTORY,
	KB_SOURCES,
	KB_STARTS_FROM,
	KB_SCOPE_SINCE,
	KB_REQUIRES,
	KB_READBACK,
	KB_DOCS
};

extern const struct knob kb_knobs[]; /* by path */
extern const size_t kb_knobs_n;
extern const uint32_t kb_docs[][KB_DOCS]; /* row by row with kb_knobs */
extern const uint16_t kb_patterns[];      /* places in kb_knobs whose path has a wildcard */
extern const size_t kb_patterns_n;
extern const uint32_t kb_names[]; /* offsets of further names in path form, by text */
extern const size_t kb_names_n;
extern const char kb_texts[];

#endif
