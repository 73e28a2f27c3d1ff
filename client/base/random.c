/*
 * random.c
 *    Random bytes from the kernel. Some are kept in stock, since asking the kernel takes ten times
 *    as long as making a UUID.
 *
 * The stock is in a page that the kernel clears in every new process, however that is made, so that
 * a child never gives out its parent's bytes. (clone() does not call a hook of fork(), and a
 * process id can be the same in another namespace.) A process that shares its parent's memory, as
 * after vfork(), shares the page, too, and takes other bytes from it.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/base.h"

#define MOST_AT_ONCE 256 /* up to here getrandom() gives all or nothing, whatever signals come */

/* All zeros means empty and not in use. */
typedef struct Stock
{
	atomic_bool	  is_in_use;
	size_t		  left; /* of the bytes: the first ones */
	unsigned char bytes[MOST_AT_ONCE];
} Stock;

static Stock no_stock; /* if the kernel cannot clear a page */

/*
 * ask_kernel fills at most MOST_AT_ONCE bytes.
 */
static bool
ask_kernel(void *bytes, size_t length)
{
	return getrandom(bytes, length, 0) == (ssize_t) length;
}

/*
 * make_stock makes a page that the kernel clears in every new process.
 */
static Stock *
make_stock(void)
{
	Stock *stock =
		mmap(NULL, sizeof *stock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stock == MAP_FAILED)
		return &no_stock;
	if (madvise(stock, sizeof *stock, MADV_WIPEONFORK) == 0)
		return stock;
	(void) munmap(stock, sizeof *stock);
	return &no_stock;
}

/*
 * the_stock returns the process' stock, which the first call makes.
 */
static Stock *
the_stock(void)
{
	static _Atomic(Stock *) made;
	Stock				   *stock = atomic_load_explicit(&made, memory_order_acquire);
	Stock				   *other = NULL;

	if (stock != NULL)
		return stock;
	stock = make_stock();
	if (atomic_compare_exchange_strong(&made, &other, stock))
		return stock;
	if (stock != &no_stock)
		(void) munmap(stock, sizeof *stock);
	return other;
}

/*
 * take takes bytes out of the stock, and fills the stock first if it has too few.
 */
static bool
take(Stock *stock, void *out, size_t length)
{
	if (stock->left < length)
	{
		if (!ask_kernel(stock->bytes, sizeof stock->bytes))
			return false;
		stock->left = sizeof stock->bytes;
	}
	stock->left -= length;
	memcpy(out, stock->bytes + stock->left, length);
	return true;
}

/*
 * random_bytes gives out at most MOST_AT_ONCE bytes. If another thread is using the stock, even one
 * that was cancelled meanwhile, it does not wait but asks the kernel itself.
 */
bool
random_bytes(void *out, size_t length)
{
	Stock *stock = the_stock();
	bool   is_done;

	if (stock == &no_stock ||
		atomic_exchange_explicit(&stock->is_in_use, true, memory_order_acquire))
		return ask_kernel(out, length);
	is_done = take(stock, out, length);
	atomic_store_explicit(&stock->is_in_use, false, memory_order_release);
	return is_done;
}
