/* tell_sign.h — what is going to be signed, and what still waits for whom: in text and in the JSON document of a command. */
#ifndef KEDGE_SERVER_CTL_TELL_SIGN_H
#define KEDGE_SERVER_CTL_TELL_SIGN_H

#include "proto/release.h"
#include "server-stub/ctl/ctl.h"

/* What of LIST is to be signed, with what differs from the published versions in R. As text it is printed at once, before
 * anything is signed; with JSON it becomes the array "signing". */
int tell_signing(struct ctl *c, const struct release *r, const struct release_pendings *list,
        struct jsonw *json, struct fault *f);
/* One metadata file of ROLE by itself: LEN bytes of DATA, which nothing is compared with. */
int tell_file(
        struct ctl *c, const char *role, const void *data, size_t len, struct jsonw *json, struct fault *f);
/* What waits: nothing as text when LIST is empty; with JSON the array "pending". DIR is the repository. */
void tell_pending(struct ctl *c, const char *dir, const struct release_pendings *list, struct jsonw *json);

#endif
