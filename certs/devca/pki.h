/* pki.h — a development PKI in a directory.
 *
 *     fleet                        the fleet's name
 *     server-ca.crt server-ca.key  host-ca.crt host-ca.key  operator-ca.crt operator-ca.key
 *     server.crt server.key        server.crt holds the server's certificate and the server CA's
 *     operators/NAME.crt NAME.key  hosts/ID.crt ID.key
 *
 * All keys are plain files of mode 0600. That is right for a laptop and wrong for a fleet, where the operator CA is
 * kept off line and its key is encrypted.
 */
#ifndef KEDGE_CERTS_DEVCA_PKI_H
#define KEDGE_CERTS_DEVCA_PKI_H

#include <stdint.h>

#include "certs/issue.h"

#define PKI_PATH_ROOM 4096

/* DIR/NAME.SUFFIX into PATH (SUFFIX NULL: no dot). KE_TOOBIG. */
int pki_path(
        const char *dir, const char *name, const char *suffix, char path[PKI_PATH_ROOM], struct fault *f);
/* Make the directory with three CAs, a server's certificate for NAMES and operator "admin". KE_EXIST when there is a
 * PKI already. */
int pki_init(
        const char *dir, const char *fleet, const struct profile_names *names, int64_t now, struct fault *f);
/* Issue a certificate of KIND (PROFILE_HOST or PROFILE_OPERATOR) for NAME with a new key. */
int pki_add(const char *dir, enum profile_kind kind, const char *name, int64_t now, struct fault *f);
/* The CA of KIND in DIR; ca_free() it. */
int pki_ca(const char *dir, enum profile_kind kind, struct ca **ret, struct fault *f);
/* The name in DIR/fleet. */
int pki_fleet(const char *dir, char ret[HOSTID_ROOM], struct fault *f);

#endif
