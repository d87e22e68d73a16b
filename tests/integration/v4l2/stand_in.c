/* V4L2 capture devices for machines without one: LD_PRELOAD this and open STANDIN_DIR/videoN.
 *
 * Every file STANDIN_DIR/video* is a plugged device; its lines are what it offers, one "FOURCC WIDTHxHEIGHT FPS FILE"
 * each, and FILE holds the frame it gives over and over (a JPEG, or raw pixels). Taking the file away pulls the
 * device out: open fails with ENOENT, and a running stream with ENODEV for ever, as the kernel's uvcvideo does.
 * STANDIN_DIR/bus, when it is there, says how many streams run at once; one more is refused with ENOSPC.
 * It speaks the streaming I/O of the V4L2 specification with MMAP buffers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 4, SIZE = 16 << 20, DEVICES = 16, MODES = 16 };

struct mode { __u32 fourcc, width, height, fps; char file[256]; };

struct device {
    int used, fd, gone, streaming, head, count, modes, now;
    int queue[BUFFERS];
    unsigned sequence;
    char path[256];
    struct timespec next;
    struct mode mode[MODES];
};

static struct device devices[DEVICES];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static int fail(int code) { errno = code; return -1; }

static struct device *of(int fd) {
    struct device *found = NULL;
    if (fd < 0) return NULL;
    pthread_mutex_lock(&table);
    for (int n = 0; n < DEVICES; n++) if (devices[n].used && devices[n].fd == fd) found = &devices[n];
    pthread_mutex_unlock(&table);
    return found;
}

static int read_modes(struct device *device) {
    char fourcc[5];
    FILE *lines = fopen(device->path, "r");
    if (!lines) return -1;
    for (device->modes = 0; device->modes < MODES; device->modes++) {
        struct mode *mode = &device->mode[device->modes];
        if (fscanf(lines, "%4s %ux%u %u %255s", fourcc, &mode->width, &mode->height, &mode->fps, mode->file) != 5) break;
        memcpy(&mode->fourcc, fourcc, 4);
    }
    fclose(lines);
    return device->modes ? 0 : -1;
}

static int open_device(const char *path, int flags) {
    const char *folder = getenv("STANDIN_DIR");
    size_t length = folder ? strlen(folder) : 0;
    /* Who only reads the file is a test that looks at it; a device is opened for both. */
    if (!length || strncmp(path, folder, length) || strncmp(path + length, "/video", 6)) return -2;
    if ((flags & O_ACCMODE) != O_RDWR) return -2;
    if (access(path, R_OK)) return fail(ENOENT);
    struct device made = {.used = 1};
    snprintf(made.path, sizeof made.path, "%s", path);
    if (read_modes(&made)) return fail(ENODEV);
    made.fd = memfd_create("v4l2", MFD_CLOEXEC);
    if (made.fd < 0 || ftruncate(made.fd, (off_t)BUFFERS * SIZE)) return -1;
    pthread_mutex_lock(&table);
    int place = 0;
    while (place < DEVICES && devices[place].used) place++;
    if (place < DEVICES) devices[place] = made;
    pthread_mutex_unlock(&table);
    return place < DEVICES ? made.fd : fail(EMFILE);
}

#define OPEN(symbol)                                                          \
    int symbol(const char *path, int flags, ...) {                           \
        int made = open_device(path, flags);                                 \
        if (made != -2) return made;                                         \
        va_list rest; va_start(rest, flags);                                 \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);                    \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #symbol);     \
        return real(path, flags, mode);                                      \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    struct device *device = of(fd);
    if (device) device->used = 0;
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    return real(fd);
}

static int plugged(struct device *device) {
    if (!device->gone && access(device->path, R_OK)) device->gone = 1;
    return !device->gone;
}

static int wanted(struct device *device, const struct v4l2_pix_format *pix) {
    int best = 0;
    long distance = -1;
    __u32 fourcc = device->mode[0].fourcc;
    for (int n = 0; n < device->modes; n++)
        if (device->mode[n].fourcc == pix->pixelformat) fourcc = pix->pixelformat;
    for (int n = 0; n < device->modes; n++) {
        struct mode *mode = &device->mode[n];
        long away = labs((long)mode->width - pix->width) + labs((long)mode->height - pix->height);
        if (mode->fourcc == fourcc && (distance < 0 || away < distance)) { best = n; distance = away; }
    }
    return best;
}

static void describe(struct device *device, int number, struct v4l2_pix_format *pix) {
    struct mode *mode = &device->mode[number];
    int compressed = mode->fourcc == V4L2_PIX_FMT_MJPEG;
    memset(pix, 0, sizeof *pix);
    pix->width = mode->width; pix->height = mode->height; pix->pixelformat = mode->fourcc;
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = compressed ? 0 : mode->width * 2;
    pix->sizeimage = compressed ? SIZE : mode->width * mode->height * 2;
    pix->colorspace = compressed ? V4L2_COLORSPACE_JPEG : V4L2_COLORSPACE_SRGB;
}

static int fill(struct device *device, struct v4l2_buffer *buffer) {
    struct mode *mode = &device->mode[device->now];
    if (!plugged(device)) return fail(ENODEV);
    if (device->count == 0) return fail(EAGAIN);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &device->next, NULL);
    clock_gettime(CLOCK_MONOTONIC, &device->next);
    device->next.tv_nsec += 1000000000L / mode->fps;
    while (device->next.tv_nsec >= 1000000000L) { device->next.tv_nsec -= 1000000000L; device->next.tv_sec++; }
    FILE *picture = fopen(mode->file, "rb");
    char *bytes = malloc(SIZE);
    if (!picture || !bytes) return fail(ENODEV);
    size_t used = fread(bytes, 1, SIZE, picture);
    fclose(picture);
    buffer->index = device->queue[device->head]; device->head = (device->head + 1) % BUFFERS; device->count--;
    ssize_t written = pwrite(device->fd, bytes, used, (off_t)buffer->index * SIZE);
    free(bytes);
    if (written != (ssize_t)used) return -1;
    buffer->bytesused = used; buffer->length = SIZE; buffer->memory = V4L2_MEMORY_MMAP;
    buffer->m.offset = buffer->index * SIZE; buffer->field = V4L2_FIELD_NONE;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC; buffer->sequence = device->sequence++;
    struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->timestamp.tv_sec = now.tv_sec; buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    return 0;
}

static int stream(struct device *device) {
    char path[300];
    int most = DEVICES, running = 0;
    if (!plugged(device)) return fail(ENODEV);
    snprintf(path, sizeof path, "%s/bus", getenv("STANDIN_DIR"));
    FILE *bus = fopen(path, "r");
    if (bus) { if (fscanf(bus, "%d", &most) != 1) most = 0; fclose(bus); }
    pthread_mutex_lock(&table);
    for (int n = 0; n < DEVICES; n++) running += devices[n].used && devices[n].streaming && &devices[n] != device;
    if (running < most) device->streaming = 1;
    pthread_mutex_unlock(&table);
    if (running >= most) return fail(ENOSPC);
    clock_gettime(CLOCK_MONOTONIC, &device->next);
    return 0;
}

static int nth_format(struct device *device, struct v4l2_fmtdesc *format) {
    unsigned index = 0;
    for (int n = 0; n < device->modes; n++) {
        int again = 0;
        for (int m = 0; m < n; m++) again |= device->mode[m].fourcc == device->mode[n].fourcc;
        if (again || index++ != format->index) continue;
        format->pixelformat = device->mode[n].fourcc;
        format->flags = format->pixelformat == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
        return 0;
    }
    return fail(EINVAL);
}

static int nth_size(struct device *device, struct v4l2_frmsizeenum *size) {
    unsigned index = 0;
    for (int n = 0; n < device->modes; n++) {
        if (device->mode[n].fourcc != size->pixel_format || index++ != size->index) continue;
        size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        size->discrete.width = device->mode[n].width; size->discrete.height = device->mode[n].height;
        return 0;
    }
    return fail(EINVAL);
}

static int nth_interval(struct device *device, struct v4l2_frmivalenum *interval) {
    for (int n = 0; n < device->modes; n++) {
        struct mode *mode = &device->mode[n];
        if (interval->index || mode->fourcc != interval->pixel_format || mode->width != interval->width
            || mode->height != interval->height) continue;
        interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        interval->discrete.numerator = 1; interval->discrete.denominator = mode->fps;
        return 0;
    }
    return fail(EINVAL);
}

static int answer(struct device *device, unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *caps = argument;
        memset(caps, 0, sizeof *caps);
        strcpy((char *)caps->driver, "stand-in"); strcpy((char *)caps->card, "Stand-in camera");
        caps->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        caps->capabilities = caps->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: return nth_format(device, argument);
    case VIDIOC_ENUM_FRAMESIZES: return nth_size(device, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return nth_interval(device, argument);
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        if (input->index) return fail(EINVAL);
        memset(input, 0, sizeof *input); input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_G_FMT:
        describe(device, device->now, &((struct v4l2_format *)argument)->fmt.pix);
        return 0;
    case VIDIOC_S_FMT: case VIDIOC_TRY_FMT: {
        struct v4l2_pix_format *pix = &((struct v4l2_format *)argument)->fmt.pix;
        int number = wanted(device, pix);
        if (!plugged(device)) return fail(ENODEV);
        if (request == VIDIOC_S_FMT && device->streaming) return fail(EBUSY);
        if (request == VIDIOC_S_FMT) device->now = number;
        describe(device, number, pix);
        return 0;
    }
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe.numerator = 1; capture->timeperframe.denominator = device->mode[device->now].fps;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *buffers = argument;
        if (buffers->count) buffers->count = BUFFERS;
        device->count = device->head = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= BUFFERS) return fail(EINVAL);
        buffer->length = SIZE; buffer->m.offset = buffer->index * SIZE;
        return 0;
    }
    case VIDIOC_QBUF:
        if (!plugged(device)) return fail(ENODEV);
        device->queue[(device->head + device->count++) % BUFFERS] = ((struct v4l2_buffer *)argument)->index;
        return 0;
    case VIDIOC_DQBUF: return fill(device, argument);
    case VIDIOC_STREAMON: return stream(device);
    case VIDIOC_STREAMOFF: device->count = device->streaming = 0; return 0;
    default: return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest; va_start(rest, request);
    void *argument = va_arg(rest, void *); va_end(rest);
    struct device *device = of(fd);
    if (device) return answer(device, request & 0xffffffffUL, argument);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
