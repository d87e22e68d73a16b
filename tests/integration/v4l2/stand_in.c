/* A V4L2 capture device for machines without one: LD_PRELOAD this and open STANDIN_DEVICE.
 *
 * It speaks the streaming I/O of the V4L2 specification (MMAP buffers, MJPEG) and gives the picture in
 * STANDIN_JPEG at 25 a second. While that file is missing the device is unplugged: open fails with
 * ENOENT, and a running stream with ENODEV, as the kernel's uvcvideo does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 4, SIZE = 1 << 20, WIDTH = 1280, HEIGHT = 720, PERIOD_NS = 40 * 1000 * 1000 };

static int device = -1, head, count;
static int queue[BUFFERS];
static unsigned sequence;
static struct timespec next;

static int plugged(void) { const char *jpeg = getenv("STANDIN_JPEG"); return jpeg && access(jpeg, R_OK) == 0; }

static int fail(int code) { errno = code; return -1; }

static int open_device(const char *path) {
    const char *name = getenv("STANDIN_DEVICE");
    if (!name || strcmp(path, name)) return -2;
    if (!plugged()) return fail(ENOENT);
    device = memfd_create("v4l2", 0);
    if (device >= 0 && ftruncate(device, (off_t)BUFFERS * SIZE)) return -1;
    count = 0;
    return device;
}

#define OPEN(symbol)                                                          \
    int symbol(const char *path, int flags, ...) {                           \
        int made = open_device(path);                                        \
        if (made != -2) return made;                                         \
        va_list rest; va_start(rest, flags);                                 \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);                    \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #symbol);     \
        return real(path, flags, mode);                                      \
    }
OPEN(open)
OPEN(open64)

static void describe(struct v4l2_pix_format *pix) {
    memset(pix, 0, sizeof *pix);
    pix->width = WIDTH; pix->height = HEIGHT; pix->pixelformat = V4L2_PIX_FMT_MJPEG;
    pix->field = V4L2_FIELD_NONE; pix->sizeimage = SIZE; pix->colorspace = V4L2_COLORSPACE_JPEG;
}

static int fill(struct v4l2_buffer *buffer) {
    if (!plugged()) return fail(ENODEV);
    if (count == 0) return fail(EAGAIN);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_nsec += PERIOD_NS;
    if (next.tv_nsec >= 1000000000) { next.tv_nsec -= 1000000000; next.tv_sec++; }
    FILE *picture = fopen(getenv("STANDIN_JPEG"), "rb");
    if (!picture) return fail(ENODEV);
    static char bytes[SIZE];
    size_t used = fread(bytes, 1, SIZE, picture);
    fclose(picture);
    buffer->index = queue[head]; head = (head + 1) % BUFFERS; count--;
    if (pwrite(device, bytes, used, (off_t)buffer->index * SIZE) != (ssize_t)used) return -1;
    buffer->bytesused = used; buffer->length = SIZE; buffer->memory = V4L2_MEMORY_MMAP;
    buffer->m.offset = buffer->index * SIZE; buffer->field = V4L2_FIELD_NONE;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC; buffer->sequence = sequence++;
    struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->timestamp.tv_sec = now.tv_sec; buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    return 0;
}

static int answer(unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *caps = argument;
        memset(caps, 0, sizeof *caps);
        strcpy((char *)caps->driver, "stand-in"); strcpy((char *)caps->card, "Stand-in camera");
        caps->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        caps->capabilities = caps->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *format = argument;
        if (format->index) return fail(EINVAL);
        format->flags = V4L2_FMT_FLAG_COMPRESSED; format->pixelformat = V4L2_PIX_FMT_MJPEG;
        return 0;
    }
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        if (input->index) return fail(EINVAL);
        memset(input, 0, sizeof *input); input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_G_FMT: case VIDIOC_S_FMT: case VIDIOC_TRY_FMT:
        describe(&((struct v4l2_format *)argument)->fmt.pix);
        return 0;
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe.numerator = 1; capture->timeperframe.denominator = 25;
        return 0;
    }
    case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)argument)->count = BUFFERS; return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= BUFFERS) return fail(EINVAL);
        buffer->length = SIZE; buffer->m.offset = buffer->index * SIZE;
        return 0;
    }
    case VIDIOC_QBUF:
        queue[(head + count++) % BUFFERS] = ((struct v4l2_buffer *)argument)->index;
        return 0;
    case VIDIOC_DQBUF: return fill(argument);
    case VIDIOC_STREAMON: clock_gettime(CLOCK_MONOTONIC, &next); return 0;
    case VIDIOC_STREAMOFF: count = 0; return 0;
    default: return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest; va_start(rest, request);
    void *argument = va_arg(rest, void *); va_end(rest);
    if (fd >= 0 && fd == device) return answer(request & 0xffffffffUL, argument);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
