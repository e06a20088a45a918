/* What an error says of the world: that may pass by itself, or never. */
#include <criterion/criterion.h>
#include <errno.h>

#include "log/base/err.h"

/* No room is a state; every other error is asked for by its own name. */
Test(err, full_is_no_space_no_quota_and_a_limit_of_size)
{
	static const int full[] = {-ENOSPC, -EDQUOT, -EFBIG}, others[] = {0, -EIO, -ENOMEM, -EROFS, ERR_FAILED, ERR_BUSY, ENOSPC};
	for (size_t i = 0; i < COUNT_OF(full); i++)
		cr_expect(err_is_full(full[i]), "%s", err_name(full[i]));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		cr_expect_not(err_is_full(others[i]), "%s", err_name(others[i]));
}
