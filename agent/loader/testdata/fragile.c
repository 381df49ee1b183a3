/* An EKM library for tests: it echoes, and crashes, hangs or lies where it is told to. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"

static int fill(uint32_t *cb, uint8_t *to, const void *from, uint32_t n)
{
	if (!to || *cb < n) {
		*cb = n;
		return EKM_SMALL_BUFFER;
	}
	memcpy(to, from, n);
	*cb = n;
	return 0;
}

int SqlCryptInitializeProvider(void) { return getenv("FRAGILE_INIT") ? atoi(getenv("FRAGILE_INIT")) : 0; }
int SqlCryptFreeProvider(void) { return 0; }

int SqlCryptOpenSession(const ekm_credential *cred, ekm_session *slot)
{
	if (!cred || cred->password.cb != 4 || memcmp(cred->password.ws, "o\0k\0", 4) != 0)
		return 3303;
	*slot = 0x1234;
	return 0;
}

int SqlCryptCloseSession(ekm_session *slot, uint8_t abort) { return abort ? 0 : *slot == 0x1234 ? 0 : 1; }

int SqlCryptGetProviderInfo(ekm_provider_info *i)
{
	static const uint8_t name[] = "F\0r\0a\0g\0i\0l\0e\0";
	int code = fill(&i->name.cb, i->name.ws, name, 14);
	if (code)
		return code;
	memcpy(i->guid.bytes, "\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
	i->provider_version = (ekm_version){2, 3, 400, 5, 0};
	i->api_version = (ekm_version){1, 1, 0, 0, 0};
	i->auth_type = 1;
	i->sym_flags = 0;
	i->asym_flags = 1;
	i->max_thumb_len = 20;
	i->accepts_key_name = 1;
	return 0;
}

int SqlCryptGetNextAlgorithmId(uint32_t *id)
{
	if (*id >= 2)
		return EKM_NOT_FOUND;
	++*id;
	return 0;
}

int SqlCryptGetAlgorithmInfo(uint32_t id, ekm_algorithm_info *i)
{
	int code = fill(&i->tag.cb, i->tag.ws, id == 1 ? "R\0S\0A\0_\0002\0000\0004\0008" : "R\0S\0A\0_\0003\0000\0007\0002", 16);
	if (code)
		return code;
	i->alg_id = id;
	i->key_type = 1;
	i->bit_len = id == 1 ? 2048 : 3072;
	i->iv_len = 0;
	return 0;
}

static int info(ekm_key_info *i, const uint8_t *name, uint32_t cb)
{
	if (!i->name.ws || i->name.cb < cb || !i->thumb.pb || i->thumb.cb < 20) {
		i->name.cb = cb;
		i->thumb.cb = 20;
		return EKM_SMALL_BUFFER;
	}
	memcpy(i->name.ws, name, cb);
	memset(i->thumb.pb, 7, 20);
	i->name.cb = cb;
	i->thumb.cb = 20;
	i->alg_id = 2;
	i->flags = 1;
	return 0;
}

int SqlCryptCreateKey(const ekm_session *slot, const ekm_str *name, uint32_t alg, uint32_t flags, ekm_data *thumb)
{
	(void)slot;
	(void)name;
	(void)flags;
	if (alg == 99)
		abort();
	memset(thumb->pb, (int)alg, 20);
	thumb->cb = 20;
	return 0;
}

int SqlCryptDropKey(const ekm_session *slot, const ekm_data *thumb)
{
	(void)slot;
	return thumb->cb == 20 ? 0 : EKM_NOT_FOUND;
}

int SqlCryptGetNextKeyId(const ekm_session *slot, uint32_t *id)
{
	(void)slot;
	if (*id >= 3)
		return EKM_NOT_FOUND;
	++*id;
	return 0;
}

int SqlCryptGetKeyInfoByKeyId(const ekm_session *slot, uint32_t id, ekm_key_info *i)
{
	(void)slot;
	uint8_t name[4] = {'k', 0, (uint8_t)('0' + id), 0};
	return info(i, name, 4);
}

int SqlCryptGetKeyInfoByThumb(const ekm_session *slot, const ekm_data *thumb, ekm_key_info *i)
{
	(void)slot;
	return thumb->pb[0] == 7 ? info(i, (const uint8_t *)"k\0", 2) : EKM_NOT_FOUND;
}

int SqlCryptGetKeyInfoByName(const ekm_session *slot, const ekm_str *name, ekm_key_info *i)
{
	(void)slot;
	if (name->cb == 2 && name->ws[0] == 'x')
		return 3112;
	if (name->cb == 2 && name->ws[0] == 'l') { /* lies about sizes */
		i->name.cb = i->thumb.cb = 0xffffffff;
		return EKM_SMALL_BUFFER;
	}
	if (name->cb == 2 && name->ws[0] == 'm') { /* points at its own memory */
		static uint8_t own[64];
		i->name = (ekm_str){4, own};
		i->thumb = (ekm_data){20, own};
		i->alg_id = 1;
		return 0;
	}
	return info(i, name->ws, name->cb);
}

int SqlCryptExportKey(const ekm_session *slot, const ekm_data *thumb, const ekm_data *encryptor, int32_t type, ekm_data *blob)
{
	(void)slot;
	(void)thumb;
	if (encryptor || type != EKM_BLOB_PUBLIC)
		return EKM_NOT_SUPPORTED;
	uint8_t b[24 + 3 + 384] = "RSA1\0\014\0\0\003\0\0\0\200\001\0\0\0\0\0\0\0\0\0\0\001\0\001";
	memset(b + 27, 0xC5, 384);
	return fill(&blob->cb, blob->pb, b, sizeof b);
}

int SqlCryptImportKey(const ekm_session *slot, const ekm_str *name, const ekm_data *with, int32_t type, uint32_t flags, const ekm_data *blob)
{
	(void)slot;
	(void)name;
	(void)with;
	(void)type;
	(void)flags;
	(void)blob;
	return 0;
}

static int echo(const ekm_data *in, ekm_data *out)
{
	if (in->cb >= 5 && memcmp(in->pb, "crash", 5) == 0)
		abort();
	if (in->cb >= 4 && memcmp(in->pb, "hang", 4) == 0 && out->pb)
		pause();
	return fill(&out->cb, out->pb, in->pb, in->cb);
}

int SqlCryptEncrypt(const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count, const ekm_data *in, ekm_data *out)
{
	(void)thumb;
	return *slot == 0x1234 && final == 1 && !params && !count ? echo(in, out) : EKM_BAD_ARGUMENT;
}

int SqlCryptDecrypt(const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count, const ekm_data *in, ekm_data *out)
{
	return SqlCryptEncrypt(slot, thumb, final, params, count, in, out);
}
