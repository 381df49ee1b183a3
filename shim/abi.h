/* The interface between SQL Server and an EKM library, as the host and the library both need it. Written from
 * measurements of the interface's layout (x86-64), which the assertions below hold fast. */
#ifndef LATCHKEY_ABI_H
#define LATCHKEY_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Codes of the interface itself. A provider's own are above 2048. */
enum {
	EKM_SUCCESS = 0,
	EKM_FAILURE = 1,
	EKM_SMALL_BUFFER = 2,
	EKM_NOT_SUPPORTED = 3,
	EKM_NOT_FOUND = 4,
	EKM_AUTH_FAILURE = 5,
	EKM_BAD_ARGUMENT = 6,
};

/* Limits of the interface, in bytes. */
enum {
	EKM_MAX_FRIENDLY_NAME = 2048,
	EKM_MAX_KEY_NAME = 512,
	EKM_MAX_TAG = 120,
	EKM_MAX_THUMBPRINT = 32,
	EKM_MAX_BLOB = 2048,
};

enum { EKM_AUTH_BASIC = 1, EKM_KEY_ASYMMETRIC = 1, EKM_BLOB_PUBLIC = 1, EKM_SUPPORTED = 1 };

/* Bytes of the caller: thumbprints, blobs, plaintexts. */
typedef struct {
	uint32_t cb;
	uint8_t *pb;
} ekm_data;

/* Text of the caller: UTF-16LE without a NUL; cb counts bytes. */
typedef struct {
	uint32_t cb;
	uint8_t *ws;
} ekm_str;

typedef struct {
	uint8_t bytes[16]; /* as Windows lays a GUID out: 4, 2 and 2 bytes little-endian, then 8 */
} ekm_guid;

typedef struct {
	uint8_t major, minor;
	uint16_t build;
	uint8_t revision, pad;
} ekm_version;

typedef struct {
	ekm_str name, password;
} ekm_credential;

typedef struct {
	ekm_str name;
	ekm_data thumb;
	uint32_t alg_id, flags;
} ekm_key_info;

typedef struct {
	ekm_str name;
	ekm_guid guid;
	ekm_version provider_version, api_version;
	int32_t auth_type;
	uint32_t sym_flags, asym_flags, max_thumb_len;
	uint8_t accepts_key_name, pad[3];
} ekm_provider_info;

typedef struct {
	uint32_t alg_id;
	ekm_str tag;
	int32_t key_type;
	uint32_t bit_len, iv_len, pad;
} ekm_algorithm_info;

typedef struct {
	int32_t type;
	uint32_t cb;
	uint8_t *pb;
} ekm_enc_param;

/* What a session's slot holds: the provider's, opaque to the host. */
typedef uint64_t ekm_session;

#define EKM_AT(type, field, at) _Static_assert(offsetof(type, field) == (at), #type "." #field)
#define EKM_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
EKM_SIZE(void *, 8);
EKM_SIZE(ekm_data, 16);
EKM_AT(ekm_data, pb, 8);
EKM_SIZE(ekm_str, 16);
EKM_SIZE(ekm_guid, 16);
EKM_SIZE(ekm_version, 6);
EKM_AT(ekm_version, build, 2);
EKM_AT(ekm_version, revision, 4);
EKM_SIZE(ekm_credential, 32);
EKM_SIZE(ekm_key_info, 40);
EKM_AT(ekm_key_info, alg_id, 32);
EKM_SIZE(ekm_provider_info, 64);
EKM_AT(ekm_provider_info, guid, 16);
EKM_AT(ekm_provider_info, provider_version, 32);
EKM_AT(ekm_provider_info, api_version, 38);
EKM_AT(ekm_provider_info, auth_type, 44);
EKM_AT(ekm_provider_info, max_thumb_len, 56);
EKM_AT(ekm_provider_info, accepts_key_name, 60);
EKM_SIZE(ekm_algorithm_info, 40);
EKM_AT(ekm_algorithm_info, tag, 8);
EKM_AT(ekm_algorithm_info, key_type, 24);
EKM_AT(ekm_algorithm_info, iv_len, 32);
EKM_SIZE(ekm_enc_param, 16);
EKM_SIZE(ekm_session, 8);

/* The exports, in the order that gives each its number: X(number, name, parameters). A missing one is Msg 33085 with its number as
 * the state. */
#define EKM_EXPORTS(X)                                                                                                    \
	X(1, SqlCryptInitializeProvider, (void))                                                                          \
	X(2, SqlCryptFreeProvider, (void))                                                                                \
	X(3, SqlCryptOpenSession, (const ekm_credential *cred, ekm_session *slot))                                        \
	X(4, SqlCryptCloseSession, (ekm_session * slot, uint8_t abort))                                                   \
	X(5, SqlCryptGetProviderInfo, (ekm_provider_info * info))                                                         \
	X(6, SqlCryptGetNextAlgorithmId, (uint32_t * alg_id))                                                             \
	X(7, SqlCryptGetAlgorithmInfo, (uint32_t alg_id, ekm_algorithm_info *info))                                       \
	X(8, SqlCryptCreateKey,                                                                                           \
	  (const ekm_session *slot, const ekm_str *name, uint32_t alg_id, uint32_t flags, ekm_data *thumb))               \
	X(9, SqlCryptDropKey, (const ekm_session *slot, const ekm_data *thumb))                                           \
	X(10, SqlCryptGetNextKeyId, (const ekm_session *slot, uint32_t *key_id))                                          \
	X(11, SqlCryptGetKeyInfoByKeyId, (const ekm_session *slot, uint32_t key_id, ekm_key_info *info))                  \
	X(12, SqlCryptGetKeyInfoByThumb, (const ekm_session *slot, const ekm_data *thumb, ekm_key_info *info))            \
	X(13, SqlCryptGetKeyInfoByName, (const ekm_session *slot, const ekm_str *name, ekm_key_info *info))               \
	X(14, SqlCryptExportKey,                                                                                          \
	  (const ekm_session *slot, const ekm_data *thumb, const ekm_data *encryptor, int32_t blob_type, ekm_data *blob)) \
	X(15, SqlCryptImportKey,                                                                                          \
	  (const ekm_session *slot, const ekm_str *name, const ekm_data *decryptor, int32_t blob_type, uint32_t flags,    \
	   const ekm_data *blob))                                                                                         \
	X(16, SqlCryptEncrypt,                                                                                            \
	  (const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count,    \
	   const ekm_data *in, ekm_data *out))                                                                            \
	X(17, SqlCryptDecrypt,                                                                                            \
	  (const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count,    \
	   const ekm_data *in, ekm_data *out))

#endif
