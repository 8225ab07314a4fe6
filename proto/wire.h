/* wire.h — every named limit on what comes from outside, in one place.
 *
 * The caps on TUF downloads are the defaults of the reference client, so that a repository which others can read is
 * one that we can read. A length that trusted metadata lists replaces the default cap, up to TUF_META_MAX.
 */
#ifndef KEDGE_PROTO_WIRE_H
#define KEDGE_PROTO_WIRE_H

#define TUF_ROOT_MAX        512000   /* bytes of one N.root.json */
#define TUF_TIMESTAMP_MAX   16384    /* bytes of timestamp.json */
#define TUF_SNAPSHOT_MAX    2000000  /* bytes of a snapshot whose length is not listed */
#define TUF_TARGETS_MAX     5000000  /* bytes of a targets role whose length is not listed */
#define TUF_META_MAX        16777216 /* bytes of any metadata file, whatever its listed length */
#define TUF_NODES_MAX       1000000  /* JSON values and names in one metadata file */
#define TUF_DEPTH_MAX       64       /* nested objects and arrays in one metadata file */

#define TUF_ROOT_STEPS      256  /* new roots that one refresh follows */
#define TUF_DELEGATIONS     32   /* delegated roles that one search visits */
#define TUF_KEYS_MAX        1024 /* keys in one role file */
#define TUF_SIGS_MAX        1024 /* signatures on one file */

#define TUF_ROLE_NAME_MAX   200  /* bytes of a role name, percent-encoded: it becomes a file name */
#define TUF_TARGET_PATH_MAX 1024 /* bytes of a target path */
#define TUF_KEY_TEXT_MAX    8192 /* bytes of one public key in text form */

#endif
