/* forest.h — good and deliberately bad certificates, each with the one reason for which it must be refused. For tests. */
#ifndef KEDGE_CERTS_DEVCA_FOREST_H
#define KEDGE_CERTS_DEVCA_FOREST_H

#include <stdint.h>

#include "proto/err.h"

/* Beside the PKI in DIR (made first when there is none: fleet "forest", server "localhost" and 127.0.0.1) write
 * DIR/forest/NAME.crt and NAME.key, and DIR/forest.tsv with a line "SIDE<TAB>NAME<TAB>REASON" for each: SIDE server or
 * client, REASON as verify_name() says it. */
int forest_make(const char *dir, int64_t now, struct fault *f);

#endif
