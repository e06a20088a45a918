#include "log/base/err.h"

#include <errno.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} errs[] = {
#define X(code, name, text) {code, #name, text},
	ERR_LIST(X)
#undef X
};

bool err_is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

bool err_is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

bool err_is_out_of_reach(int err)
{
	return err == -EACCES || err == -EPERM || err == -ENOTDIR;
}

bool err_is_of_one_place(int err)
{
	static const int others[] = {-EIO, -EISDIR, -ELOOP, -ENXIO, -ENODEV, -ESTALE, -EUCLEAN, -EBADMSG, -EROFS, ERR_NOT_A_FILE};
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (err == others[i])
			return true;
	return err_is_out_of_reach(err);
}

const char *err_name(int err)
{
	for (size_t i = 0; i < COUNT_OF(errs); i++)
		if (errs[i].code == err)
			return errs[i].name;
	const char *name = strerrorname_np(-err);
	return name ? name : "ERR_UNKNOWN";
}

const char *err_text(int err)
{
	for (size_t i = 0; i < COUNT_OF(errs); i++)
		if (errs[i].code == err)
			return errs[i].text;
	const char *text = strerrordesc_np(-err);
	return text ? text : "unknown error";
}
