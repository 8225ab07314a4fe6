/* bound.h — values that are a floor or a ceiling: ">=4096", "<=30".
 *
 * A setting may say what it wants at least, or at most, so that it never lowers what somebody raised, or the other way
 * round. What is written is decided when it is planned, from what the key holds then: element by element the greater
 * (">=") or the lesser ("<=") of the two. A range ("32768 60999") is at least what it contains: ">=" makes its low end
 * no higher and its high end no lower, and "<=" is no form for ranges, since two ranges may have nothing in common.
 *
 * Where a key has a number that means "no limit" (value_shape.unlimited), that number counts as the greatest.
 * All texts here but the one with the sign are canonical (value.h).
 */
#ifndef KEDGE_POLICIES_BOUND_H
#define KEDGE_POLICIES_BOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/value.h"

enum value_bound {
	BOUND_NONE,     /* exactly this value */
	BOUND_AT_LEAST, /* ">=" */
	BOUND_AT_MOST,  /* "<=" */
};

/* The form of *TEXT; its sign is stepped over. */
enum value_bound bound_take(const char **text);
/* "", ">=" or "<=". */
const char *bound_sign(enum value_bound b);
/* value_wanted() for a value with form B. KE_VALUE beside its errors: keys of this shape have no such form. */
int bound_value(const struct value_shape *shape, enum value_bound b, const char *text, size_t len, char **ret,
        struct fault *f);
/* Is OBSERVED on the allowed side of VALUE? For BOUND_NONE: equal. What does not fit the shape is not. */
bool bound_holds(
        const struct value_shape *shape, enum value_bound b, const char *value, const char *observed);
/* What to write where OBSERVED is, newly allocated in *RET (free()): OBSERVED when it is on the allowed side already, else
 * element by element what VALUE demands; VALUE when OBSERVED does not fit the shape. KE_NOMEM. */
int bound_met(const struct value_shape *shape, enum value_bound b, const char *value, const char *observed,
        char **ret);
/* What to write when a key that held VALUE is let go and was ORIGINAL before: ORIGINAL where the key holds what bound_met()
 * made of it, and where it does not, somebody else's number stays. Newly allocated in *RET. KE_NOMEM. */
int bound_let_go(const struct value_shape *shape, enum value_bound b, const char *value, const char *original,
        const char *observed, char **ret);

#endif
