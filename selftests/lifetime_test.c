// SPDX-License-Identifier: GPL-2.0
/*
 * Lives of files, mappings and processes: close in every order, duplicates,
 * passing to another process, fork, exec, and a process that is killed while
 * its guest runs.
 *
 * lab: kernels
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "strata_test.h"

static volatile uint64_t rounds;

static __guest void g_spin(uint64_t arg)
{
	for (;;)
		rounds++;
}

static __guest void g_steps(uint64_t arg)
{
	uint64_t i;

	for (i = 1; ; i++)
		GUEST_SYNC(i);
}

TEST(vm_closed_first)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_steps);

	vcpu_run_sync(vcpu, 1);
	close(vm->fd);
	vcpu_run_sync(vcpu, 2);
	vcpu_regs(vcpu);
	/* The mapping outlives the file. */
	close(vcpu->fd);
	EXPECT_EQ(KVM_EXIT_IO, vcpu->run->exit_reason);
	vcpu->run->request_interrupt_window = 1;
	munmap(vcpu->run, vcpu->run_size);
}

TEST(duplicates)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_steps);
	int vm2 = dup(vm->fd), vcpu2 = dup(vcpu->fd);

	close(vm->fd);
	close(vcpu->fd);
	vcpu->fd = vcpu2;
	vm->fd = vm2;
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(EEXIST, try_ioctl(vm->fd, KVM_CREATE_VCPU, 0));
}

TEST(closed_on_exec)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_steps);

	EXPECT_EQ(FD_CLOEXEC, fcntl(vm->fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(FD_CLOEXEC, fcntl(vcpu->fd, F_GETFD) & FD_CLOEXEC);
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(sock, &m, 0) != 1)
		die("sendmsg: %s", strerror(errno));
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &m, 0) != 1)
		die("recvmsg: %s", strerror(errno));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

/* Another process may hold the files, but not use them. */
TEST(passed_on)
{
	int sock[2], status;
	struct vm *vm;
	struct vcpu *vcpu;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	if (!pid) {
		/* Or this process would wait for its own end. */
		int ignored = close(sock[0]);
		int vm_fd = receive_fd(sock[1]), vcpu_fd = receive_fd(sock[1]);
		struct kvm_regs r;
		char byte = 0;

		if (try_ioctl(vcpu_fd, KVM_RUN, 0) != EIO ||
		    try_ioctl(vcpu_fd, KVM_GET_REGS, &r) != EIO ||
		    try_ioctl(vm_fd, KVM_CREATE_VCPU, 1) != EIO)
			_exit(1);
		/* The owner dies before the last holder. */
		if (read(sock[1], &byte, 1) != 0)
			_exit(2);
		_exit(try_ioctl(vcpu_fd, KVM_RUN, 0) == EIO ? ignored : 3);
	}
	close(sock[1]);
	vm = vm_create(0);
	vcpu = vcpu_create(vm, 0, g_steps);
	vcpu_run_sync(vcpu, 1);
	send_fd(sock[0], vm->fd);
	send_fd(sock[0], vcpu->fd);
	vcpu_run_sync(vcpu, 2);
	vm_free(vm);
	close(sock[0]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The guest goes on in the parent whatever becomes of the child. */
TEST(forked_while_running)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_steps);
	int i, status;

	for (i = 1; i < 6; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		vcpu_run_sync(vcpu, i);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
}

/* Killed in the middle of KVM_RUN, with the VM closed or open. */
TEST(killed_while_running)
{
	int i;

	for (i = 0; i < 8; i++) {
		volatile uint64_t *seen = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		int status;
		pid_t pid = fork();

		if (!pid) {
			struct vm *vm = vm_create(i & 1 ? VM_IRQCHIP : 0);
			struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);

			if (i & 2)
				close(vm->fd);
			vcpu_start_done(vcpu);
			while (!guest_var(vm, rounds))
				usleep(1000);
			*seen = 1;
			for (;;)
				pause();
		}
		while (!*seen)
			usleep(1000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
}

/* The thread that runs the vCPU ends; another takes over. */
static void *one_step(void *arg)
{
	vcpu_run_ucall(arg);
	return NULL;
}

TEST(many_threads)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_steps);
	int i;

	for (i = 1; i < 20; i++) {
		vcpu_start(vcpu, one_step);
		vcpu_join(vcpu);
		ASSERT_EQ(i, vcpu->uc.arg[0]);
	}
}

/* Closing a vCPU's file in one thread while another runs it. */
static void *run_once(void *arg)
{
	struct vcpu *vcpu = arg;
	int err = vcpu_try_run(vcpu);

	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

TEST(closed_while_running)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);

	vcpu_start(vcpu, run_once);
	while (!guest_var(vm, rounds))
		usleep(1000);
	close(vcpu->fd);
	close(vm->fd);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(vcpu));
}

/* Many VMs, created and dropped without ever running. */
TEST(many_vms)
{
	int dev = dev_open(), i;

	for (i = 0; i < 300; i++) {
		int vm = xioctl(dev, KVM_CREATE_VM, 0);

		if (i & 1)
			xioctl(vm, KVM_CREATE_IRQCHIP, 0);
		close(xioctl(vm, KVM_CREATE_VCPU, 0));
		close(vm);
	}
}

TEST_HARNESS_MAIN
