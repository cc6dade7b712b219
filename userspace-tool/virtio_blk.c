// SPDX-License-Identifier: GPL-2.0
/*
 * A disk (VIRTIO 1.2, 5.2) in a raw file or on a block device, by io_uring: as many
 * requests are under way as the guest has made, in its own memory.
 */

#include "launcher.h"
#include "virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR		512ULL
#define QUEUE		256
/* Two descriptors are the header's and the status'. */
#define SEGMENTS	(VIRTQ_MAX_SIZE - 2)
#define MAX_DISCARD	(1U << 30 >> 9)
/* What O_DIRECT may want of addresses and lengths. */
#define DIRECT_ALIGN	4096
/* Of what has to be copied for that, as much at once; Linux asks for a tenth of it. */
#define MAX_BOUNCE	(16U << 20)

struct request {
	struct virtq_chain chain;
	struct virtio_blk_outhdr header;
	struct iovec parts[VIRTQ_MAX_SIZE];	/* the data: the chain without both ends */
	struct iovec *iov;		/* what is left of it, or of the bounce buffer */
	unsigned int nr_iov;
	__u64 offset, left;
	__u32 moved;
	struct iovec whole;		/* of the bounce buffer */
	void *bounce;
	struct request *next;		/* free ones */
};

struct blk {
	struct virtio_dev dev;
	struct virtio_blk_config config;
	const struct disk *disk;
	int fd;
	__u64 size;			/* bytes */
	bool punch;			/* the file can have holes */
	bool have_ring;
	struct io_uring ring;
	struct worker_event completions;
	unsigned int under_way;
	struct request requests[QUEUE];
	struct request *free;
};

static struct blk *of_dev(struct virtio_dev *dev)
{
	return (struct blk *)dev;
}

static void finish(struct blk *b, struct request *r, __u8 status)
{
	__u32 written = r->header.type == VIRTIO_BLK_T_IN ? r->moved : 0;

	if (r->bounce && r->header.type == VIRTIO_BLK_T_IN)
		virtq_write(&r->chain, 0, r->bounce, r->moved);
	free(r->bounce);
	r->bounce = NULL;
	/* The status is the last byte of all. */
	virtq_write(&r->chain, r->chain.in_len - 1, &status, 1);
	virtq_push(&b->dev.queues[0], r->chain.head, written + 1);
	r->next = b->free;
	b->free = r;
}

/* Takes some bytes from the front of a list. */
static void skip(struct iovec **iov, unsigned int *n, size_t bytes)
{
	while (*n && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n && bytes) {
		(*iov)->iov_base = (__u8 *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

/* ---- what goes to the kernel ---- */

/* The ring is as long as the queue: there is room for every request. */
static void submit(struct blk *b, struct request *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);

	if (!sqe) {
		io_uring_submit(&b->ring);
		sqe = io_uring_get_sqe(&b->ring);
	}
	switch (r->header.type) {
	case VIRTIO_BLK_T_IN:
		io_uring_prep_readv(sqe, b->fd, r->iov, r->nr_iov, r->offset);
		break;
	case VIRTIO_BLK_T_OUT:
		io_uring_prep_writev(sqe, b->fd, r->iov, r->nr_iov, r->offset);
		break;
	case VIRTIO_BLK_T_FLUSH:
		io_uring_prep_fsync(sqe, b->fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		/* A hole reads as zeros. */
		io_uring_prep_fallocate(sqe, b->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
					r->offset, r->left);
	}
	io_uring_sqe_set_data(sqe, r);
	b->under_way++;
}

/* The file gave or took less than asked for: the rest, or an error at its end. */
static bool go_on(struct blk *b, struct request *r, __u32 done)
{
	r->moved += done;
	r->offset += done;
	r->left -= done;
	if (!r->left || !done)
		return false;
	skip(&r->iov, &r->nr_iov, done);
	submit(b, r);
	return true;
}

static void complete(struct blk *b, struct request *r, int result)
{
	bool moves = r->header.type == VIRTIO_BLK_T_IN || r->header.type == VIRTIO_BLK_T_OUT;

	b->under_way--;
	if (result == -EAGAIN || result == -EINTR) {
		submit(b, r);
		return;
	}
	if (moves && result > 0 && go_on(b, r, result))
		return;
	if (result == -EOPNOTSUPP)
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
	else
		finish(b, r, result < 0 || (moves && r->left) ? VIRTIO_BLK_S_IOERR :
							       VIRTIO_BLK_S_OK);
}

static void reap(struct blk *b)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&b->ring, &cqe)) {
		struct request *r = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&b->ring, cqe);
		complete(b, r, result);
	}
	io_uring_submit(&b->ring);
}

static void on_completion(struct worker_event *e, __u32 events)
{
	struct blk *b = e->arg;
	__u64 count;

	(void)events;
	if (read(e->fd, &count, sizeof(count)) != sizeof(count) || !b->dev.running)
		return;
	reap(b);
	virtio_tell(&b->dev, 0);
	/* There may be some for which there was no room. */
	virtio_kick(&b->dev, 0);
}

/* ---- what comes from the guest ---- */

static bool is_aligned(const struct request *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_iov; i++)
		if (((unsigned long)r->iov[i].iov_base | r->iov[i].iov_len) % DIRECT_ALIGN)
			return false;
	return true;
}

/* With O_DIRECT what lies askew goes by way of a buffer that does not. */
static bool bounce(struct blk *b, struct request *r)
{
	if (!b->disk->direct || is_aligned(r))
		return true;
	if (r->left > MAX_BOUNCE || posix_memalign(&r->bounce, DIRECT_ALIGN, r->left)) {
		r->bounce = NULL;
		return false;
	}
	if (r->header.type == VIRTIO_BLK_T_OUT)
		virtq_read(&r->chain, sizeof(r->header), r->bounce, r->left);
	r->whole = (struct iovec){ r->bounce, r->left };
	r->iov = &r->whole;
	r->nr_iov = 1;
	return true;
}

static bool in_range(const struct blk *b, __u64 sector, __u64 bytes)
{
	return sector <= b->size / SECTOR && bytes <= b->size - sector * SECTOR;
}

static void start_transfer(struct blk *b, struct request *r)
{
	bool out = r->header.type == VIRTIO_BLK_T_OUT;

	r->left = out ? r->chain.out_len - sizeof(r->header) : r->chain.in_len - 1;
	if ((out && b->disk->readonly) || r->left % SECTOR || !r->left || r->left > INT32_MAX ||
	    !in_range(b, r->header.sector, r->left)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->offset = r->header.sector * SECTOR;
	r->iov = r->parts;
	r->nr_iov = out ? r->chain.nr_out : r->chain.nr_in;
	memcpy(r->parts, r->chain.iov + (out ? 0 : r->chain.nr_out),
	       r->nr_iov * sizeof(*r->parts));
	if (out)
		skip(&r->iov, &r->nr_iov, sizeof(r->header));
	else if (!--r->parts[r->nr_iov - 1].iov_len)
		r->nr_iov--;
	if (!bounce(b, r)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	submit(b, r);
}

static void start_range(struct blk *b, struct request *r)
{
	struct virtio_blk_discard_write_zeroes range;
	__u64 sector;

	/* One range at a time, as the configuration says. */
	if (b->disk->readonly || !b->punch ||
	    virtq_read(&r->chain, sizeof(r->header), &range, sizeof(range)) != sizeof(range) ||
	    r->chain.out_len != sizeof(r->header) + sizeof(range)) {
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	sector = range.sector;
	r->left = range.num_sectors * SECTOR;
	r->offset = sector * SECTOR;
	if (!r->left || range.num_sectors > MAX_DISCARD || !in_range(b, sector, r->left)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	submit(b, r);
}

static void tell_id(struct blk *b, struct request *r)
{
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };
	size_t room = r->chain.in_len - 1;

	strncpy(id, b->disk->serial ? b->disk->serial : "", sizeof(id));
	r->header.type = VIRTIO_BLK_T_IN;
	r->moved = virtq_write(&r->chain, 0, id, room < sizeof(id) ? room : sizeof(id));
	finish(b, r, VIRTIO_BLK_S_OK);
}

static void start_request(struct blk *b, struct request *r)
{
	r->moved = 0;
	switch (r->header.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		start_transfer(b, r);
		break;
	case VIRTIO_BLK_T_FLUSH:
		submit(b, r);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		start_range(b, r);
		break;
	case VIRTIO_BLK_T_GET_ID:
		tell_id(b, r);
		break;
	default:
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
	}
}

static void blk_kick(struct virtio_dev *dev, unsigned int queue)
{
	struct virtq *q = &dev->queues[queue];
	struct blk *b = of_dev(dev);
	struct request *r;

	do {
		virtq_want_kicks(q, false);
		while ((r = b->free) && virtq_pop(q, &r->chain)) {
			if (virtq_read(&r->chain, 0, &r->header, sizeof(r->header)) !=
			    sizeof(r->header) || !r->chain.in_len) {
				q->broken = true;
				break;
			}
			b->free = r->next;
			start_request(b, r);
		}
		/* All that a completion will look for again. */
		if (!b->free)
			break;
	} while (virtq_want_kicks(q, true));
	io_uring_submit(&b->ring);
	virtio_tell(dev, queue);
}

/* ---- the device ---- */

static void blk_stop(struct virtio_dev *dev)
{
	struct blk *b = of_dev(dev);
	struct io_uring_cqe *cqe;

	/* What is under way writes into the guest's memory: it must have ended. */
	while (b->under_way && !io_uring_wait_cqe(&b->ring, &cqe))
		reap(b);
}

static void blk_destroy(struct virtio_dev *dev)
{
	struct blk *b = of_dev(dev);

	if (b->have_ring)
		io_uring_queue_exit(&b->ring);
	if (b->completions.ready)
		close(b->completions.fd);
	if (b->fd >= 0)
		close(b->fd);
}

static const struct virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK,
	.class = 0x010000,
	.nr_queues = 1,
	.stop = blk_stop,
	.kick = blk_kick,
	.destroy = blk_destroy,
};

/* Two that write to one image ruin it. */
static int lock_image(const struct blk *b)
{
	if (!flock(b->fd, (b->disk->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		err("the disk image %s is in use by another VM; end that, or use a copy",
		    b->disk->path);
	else
		err("cannot lock the disk image %s: %s", b->disk->path, strerror(errno));
	return -1;
}

static int open_image(struct blk *b)
{
	const struct disk *d = b->disk;
	struct stat st;

	b->fd = open(d->path, (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC |
		     (d->direct ? O_DIRECT : 0));
	if (b->fd < 0) {
		err("cannot open the disk image %s: %s%s", d->path, strerror(errno),
		    errno == EINVAL && d->direct ? "; its file system has no O_DIRECT, leave "
		    "'direct' out" : errno == EACCES && !d->readonly ?
		    "; to read it only, append ',readonly'" : "");
		return -1;
	}
	if (fstat(b->fd, &st) || (S_ISBLK(st.st_mode) && ioctl(b->fd, BLKGETSIZE64, &b->size))) {
		err("cannot find the size of the disk image %s: %s", d->path, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode)) {
		b->size = st.st_size;
	} else if (!S_ISBLK(st.st_mode)) {
		err("%s is neither a file nor a block device; a disk image is one of them",
		    d->path);
		return -1;
	}
	b->size -= b->size % SECTOR;
	if (!b->size) {
		err("the disk image %s is empty; make one with 'truncate -s 1G %s'", d->path,
		    d->path);
		return -1;
	}
	/* Behind its end a hole changes nothing, and shows whether there can be some. */
	b->punch = S_ISREG(st.st_mode) && !d->readonly &&
		   !fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b->size, SECTOR);
	return lock_image(b);
}

static int open_ring(struct blk *b)
{
	int ret = io_uring_queue_init(QUEUE, &b->ring, IORING_SETUP_CLAMP);

	if (ret) {
		err("no io_uring for the disk %s: %s%s", b->disk->path, strerror(-ret),
		    ret == -EPERM ? "; sysctl kernel.io_uring_disabled forbids it" : "");
		return -1;
	}
	b->have_ring = true;
	b->completions.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->completions.ready = on_completion;
	b->completions.arg = b;
	if (b->completions.fd < 0 || io_uring_register_eventfd(&b->ring, b->completions.fd)) {
		err("no descriptor for the disk %s: %s; raise ulimit -n", b->disk->path,
		    strerror(errno));
		return -1;
	}
	return worker_watch(&b->dev.worker, &b->completions, EPOLLIN);
}

static void fill_config(struct blk *b)
{
	struct virtio_dev *dev = &b->dev;

	b->config.capacity = b->size / SECTOR;
	b->config.seg_max = SEGMENTS;
	b->config.blk_size = SECTOR;
	dev->offered |= BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
			BIT_ULL(VIRTIO_BLK_F_FLUSH);
	if (b->disk->readonly)
		dev->offered |= BIT_ULL(VIRTIO_BLK_F_RO);
	if (b->punch) {
		dev->offered |= BIT_ULL(VIRTIO_BLK_F_DISCARD) |
				BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
		b->config.max_discard_sectors = MAX_DISCARD;
		b->config.max_discard_seg = 1;
		b->config.discard_sector_alignment = 1;
		b->config.max_write_zeroes_sectors = MAX_DISCARD;
		b->config.max_write_zeroes_seg = 1;
		b->config.write_zeroes_may_unmap = 1;
	}
	dev->config = &b->config;
	dev->config_len = sizeof(b->config);
}

/**
 * blk_add() - a disk
 * @disk: kept by reference
 */
int blk_add(struct vm *vm, const struct disk *disk, unsigned int number)
{
	struct blk *b = calloc(1, sizeof(*b));
	unsigned int i;
	char name[16];

	if (!b) {
		err("no memory for the disk %s", disk->path);
		return -1;
	}
	b->disk = disk;
	if (open_image(b)) {
		if (b->fd >= 0)
			close(b->fd);
		free(b);
		return -1;
	}
	for (i = 0; i < QUEUE; i++) {
		b->requests[i].next = b->free;
		b->free = &b->requests[i];
	}
	fill_config(b);
	b->dev.queues[0].max_size = QUEUE;
	snprintf(name, sizeof(name), "disk%u", number);
	return virtio_add(vm, &b->dev, &blk_ops, name) || open_ring(b) ? -1 : 0;
}
