/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/unwind.h"
#include "guest/linux/user.h"

#define TABLE_ENCODING 0x3b /* of .eh_frame_hdr: relative to it, 4 bytes, signed: what ld writes */
#define RECORD_MAX     4096
#define SAVED_STATES   8

enum rule_kind { SAME, OFFSET, VALUE_OFFSET, REGISTER, EXPRESSION, VALUE_EXPRESSION, UNDEFINED };

struct span { /* bytes of a record, with the address they have in the file */
    const uint8_t *at, *end;
};

struct rule {
    enum rule_kind kind;
    int64_t number; /* an offset or a register */
    struct span expression;
};

struct state {
    struct rule rule[UNWIND_REGISTERS];
    struct rule cfa; /* REGISTER-based: `cfa_register` + number; or EXPRESSION */
    uint64_t cfa_register;
};

struct record {
    uint8_t bytes[RECORD_MAX];
    uint64_t address; /* of bytes[0] in the file */
    size_t size;
};

struct unit { /* what a CIE says */
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    bool augmented, signal_frame;
    struct span instructions;
};

/* Readers: past the end they read zeros, and the span stays at its end. */

static uint64_t take(struct span *span, unsigned bytes)
{
    uint64_t value = 0;

    if ((size_t)(span->end - span->at) < bytes) {
        span->at = span->end;
        return 0;
    }
    memcpy(&value, span->at, bytes);
    span->at += bytes;
    return value;
}

static uint64_t take_unsigned(struct span *span)
{
    uint64_t value = 0;

    for (unsigned shift = 0; span->at < span->end; shift += 7) {
        uint8_t byte = *span->at++;

        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static int64_t take_signed(struct span *span)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;

    while (span->at < span->end) {
        byte = *span->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80))
            break;
    }
    if (shift < 64 && byte & 0x40)
        value |= -(UINT64_C(1) << shift);
    return (int64_t)value;
}

static struct span take_block(struct span *span)
{
    uint64_t size = take_unsigned(span);
    struct span block = {span->at, span->end};

    if (size < (uint64_t)(span->end - span->at))
        block.end = span->at + size;
    span->at = block.end;
    return block;
}

/* A pointer in one of the encodings of DW_EH_PE: absolute or relative to its own place. */
static uint64_t take_pointer(struct span *span, uint8_t encoding, const struct record *record)
{
    uint64_t place = record->address + (uint64_t)(span->at - record->bytes), value;

    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        value = take(span, 8);
        break;
    case 0x02:
        value = take(span, 2);
        break;
    case 0x03:
        value = take(span, 4);
        break;
    case 0x0a:
        value = (uint64_t)(int16_t)take(span, 2);
        break;
    case 0x0b:
        value = (uint64_t)(int32_t)take(span, 4);
        break;
    default:
        value = take_unsigned(span);
    }
    return (encoding & 0x70) == 0x10 ? value + place : value;
}

/* One CIE or FDE: its length word, then what follows. */
static bool record_read(const struct image *image, uint64_t address, struct record *record,
                        struct span *body)
{
    uint32_t length = 0;

    record->address = address;
    record->size = image_read(image, address, record->bytes, sizeof record->bytes);
    if (record->size < 8)
        return false;
    memcpy(&length, record->bytes, 4);
    if (!length || length > record->size - 4) /* ends, 64-bit records, longer ones than we take */
        return false;
    record->size = 4 + (size_t)length;
    *body = (struct span){record->bytes + 4, record->bytes + record->size};
    return true;
}

static bool unit_parse(struct span body, const struct record *record, struct unit *unit)
{
    const char *augmentation;
    uint8_t version;

    take(&body, 4); /* the id: 0 */
    version = (uint8_t)take(&body, 1);
    if (version != 1 && version != 3)
        return false;
    augmentation = (const char *)body.at;
    while (take(&body, 1))
        ;
    unit->code_align = take_unsigned(&body);
    unit->data_align = take_signed(&body);
    if (version == 1)
        take(&body, 1);
    else
        take_unsigned(&body);
    unit->pointer_encoding = 0;
    unit->augmented = *augmentation == 'z';
    if (unit->augmented) {
        struct span data = take_block(&body);

        for (augmentation++; *augmentation; augmentation++) {
            if (*augmentation == 'R')
                unit->pointer_encoding = (uint8_t)take(&data, 1);
            else if (*augmentation == 'P')
                take_pointer(&data, (uint8_t)take(&data, 1), record);
            else if (*augmentation == 'L')
                take(&data, 1);
            else if (*augmentation == 'S')
                unit->signal_frame = true;
        }
    }
    unit->instructions = body;
    return true;
}

/* The FDE for an address of the file: binary search in .eh_frame_hdr. 0: none. */
static uint64_t table_search(const struct image *image, uint64_t address)
{
    uint8_t header[12];
    uint32_t count;
    uint64_t low = 0, high;

    if (!image->unwind || image_read(image, image->unwind, header, 12) != 12 || header[0] != 1 ||
        header[2] != 0x03 || header[3] != TABLE_ENCODING)
        return 0;
    memcpy(&count, header + 8, 4);
    high = count;
    while (low < high) { /* the last entry that begins at or below the address */
        uint64_t middle = (low + high) / 2;
        int32_t entry[2];

        if (image_read(image, image->unwind + 12 + 8 * middle, entry, 8) != 8)
            return 0;
        if (image->unwind + (uint64_t)(int64_t)entry[0] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return 0;

    int32_t entry[2];

    if (image_read(image, image->unwind + 12 + 8 * (low - 1), entry, 8) != 8)
        return 0;
    return image->unwind + (uint64_t)(int64_t)entry[1];
}

/* The parts of an FDE: its CIE's contents, the range it covers, its instructions. */
struct description {
    struct unit unit;
    uint64_t begin, length;
    struct span instructions;
};

static struct record entry, common; /* what was read last: spans point into them */

/* False: there is no FDE at that address of the file. */
static bool description_read(const struct image *image, uint64_t at, struct description *d)
{
    struct span body, common_body;
    uint32_t back;

    if (!record_read(image, at, &entry, &body))
        return false;
    back = (uint32_t)take(&body, 4); /* from this word back to the CIE; 0 in a CIE */
    if (!back)
        return false;
    if (at + 4 - back != common.address || !common.size) {
        common.size = 0;
        if (!record_read(image, at + 4 - back, &common, &common_body))
            return false;
    }
    common_body = (struct span){common.bytes + 4, common.bytes + common.size};
    memset(&d->unit, 0, sizeof d->unit);
    if (!unit_parse(common_body, &common, &d->unit))
        return false;
    d->begin = take_pointer(&body, d->unit.pointer_encoding, &entry);
    d->length = take_pointer(&body, d->unit.pointer_encoding & 0x0f, &entry);
    if (d->unit.augmented)
        take_block(&body);
    d->instructions = body;
    return true;
}

static bool description_covers(const struct description *d, uint64_t target)
{
    return target >= d->begin && target - d->begin < d->length;
}

/* By the table, or where there is none, one record after the other. */
static bool description_find(const struct image *image, uint64_t target, struct description *d)
{
    uint64_t at = table_search(image, target), size, end;

    common.size = 0; /* may be another image's */
    if (at)
        return description_read(image, at, d) && description_covers(d, target);
    if (image->unwind || !image_unwind_records(image, &at, &size))
        return false;
    for (end = at + size; at < end;) {
        uint32_t length;

        if (description_read(image, at, d) && description_covers(d, target))
            return true;
        if (image_read(image, at, &length, sizeof length) != sizeof length || !length ||
            length > end - at)
            return false;
        at += 4 + (uint64_t)length;
    }
    return false;
}

static void rule_set(struct state *state, uint64_t number, enum rule_kind kind, int64_t value)
{
    if (number < UNWIND_REGISTERS)
        state->rule[number] = (struct rule){.kind = kind, .number = value};
}

static void rule_set_block(struct state *state, uint64_t number, enum rule_kind kind,
                           struct span expression)
{
    if (number < UNWIND_REGISTERS)
        state->rule[number] = (struct rule){.kind = kind, .expression = expression};
}

/* A factored offset; a damaged one may wrap round. */
static int64_t scaled(uint64_t factor, const struct unit *unit)
{
    return (int64_t)(factor * (uint64_t)unit->data_align);
}

/* Run call frame instructions until the location passes `stop`. */
static bool instructions_run(struct span code, const struct record *record, const struct unit *unit,
                             const struct state *initial, uint64_t location, uint64_t stop,
                             struct state *state)
{
    static struct state saved[SAVED_STATES];
    unsigned depth = 0;

    while (code.at < code.end) {
        uint8_t byte = (uint8_t)take(&code, 1);
        uint64_t number;

        switch (byte >> 6) {
        case 1: /* DW_CFA_advance_loc */
            location += (byte & 63) * unit->code_align;
            if (location > stop)
                return true;
            continue;
        case 2: /* DW_CFA_offset */
            rule_set(state, byte & 63, OFFSET, scaled(take_unsigned(&code), unit));
            continue;
        case 3: /* DW_CFA_restore */
            if (initial && (byte & 63) < UNWIND_REGISTERS)
                state->rule[byte & 63] = initial->rule[byte & 63];
            continue;
        }
        switch (byte) {
        case 0x00: /* nop */
            break;
        case 0x01: /* set_loc */
            location = take_pointer(&code, unit->pointer_encoding, record);
            if (location > stop)
                return true;
            break;
        case 0x02: /* advance_loc1, 2, 4 */
        case 0x03:
        case 0x04:
            location += take(&code, byte == 2 ? 1 : byte == 3 ? 2 : 4) * unit->code_align;
            if (location > stop)
                return true;
            break;
        case 0x05: /* offset_extended */
            number = take_unsigned(&code);
            rule_set(state, number, OFFSET, scaled(take_unsigned(&code), unit));
            break;
        case 0x06: /* restore_extended */
            number = take_unsigned(&code);
            if (initial && number < UNWIND_REGISTERS)
                state->rule[number] = initial->rule[number];
            break;
        case 0x07: /* undefined */
            rule_set(state, take_unsigned(&code), UNDEFINED, 0);
            break;
        case 0x08: /* same_value */
            rule_set(state, take_unsigned(&code), SAME, 0);
            break;
        case 0x09: /* register */
            number = take_unsigned(&code);
            rule_set(state, number, REGISTER, (int64_t)take_unsigned(&code));
            break;
        case 0x0a: /* remember_state */
            if (depth == SAVED_STATES)
                return false;
            saved[depth++] = *state;
            break;
        case 0x0b: /* restore_state */
            if (!depth)
                return false;
            *state = saved[--depth];
            break;
        case 0x0c: /* def_cfa */
            state->cfa_register = take_unsigned(&code);
            state->cfa = (struct rule){.kind = REGISTER, .number = (int64_t)take_unsigned(&code)};
            break;
        case 0x0d: /* def_cfa_register */
            state->cfa_register = take_unsigned(&code);
            break;
        case 0x0e: /* def_cfa_offset */
            state->cfa.number = (int64_t)take_unsigned(&code);
            break;
        case 0x0f: /* def_cfa_expression */
            state->cfa = (struct rule){.kind = EXPRESSION, .expression = take_block(&code)};
            break;
        case 0x10: /* expression */
            number = take_unsigned(&code);
            rule_set_block(state, number, EXPRESSION, take_block(&code));
            break;
        case 0x11: /* offset_extended_sf */
            number = take_unsigned(&code);
            rule_set(state, number, OFFSET, scaled((uint64_t)take_signed(&code), unit));
            break;
        case 0x12: /* def_cfa_sf */
            state->cfa_register = take_unsigned(&code);
            state->cfa = (struct rule){.kind = REGISTER,
                                       .number = scaled((uint64_t)take_signed(&code), unit)};
            break;
        case 0x13: /* def_cfa_offset_sf */
            state->cfa.number = scaled((uint64_t)take_signed(&code), unit);
            break;
        case 0x14: /* val_offset */
            number = take_unsigned(&code);
            rule_set(state, number, VALUE_OFFSET, scaled(take_unsigned(&code), unit));
            break;
        case 0x16: /* val_expression */
            number = take_unsigned(&code);
            rule_set_block(state, number, VALUE_EXPRESSION, take_block(&code));
            break;
        case 0x2e: /* GNU_args_size */
            take_unsigned(&code);
            break;
        default:
            return false;
        }
    }
    return true;
}

/* A DWARF expression: the operations that compilers and linkers write into unwind tables. */
static bool expression_run(struct span code, const struct unwind *frame, uint64_t first,
                           uint64_t *result)
{
    uint64_t stack[16] = {first};
    unsigned top = 1;

    while (code.at < code.end) {
        uint8_t operation = (uint8_t)take(&code, 1);
        uint64_t a, b;

        if (top == ARRAY_SIZE(stack))
            return false;
        if (operation >= 0x30 && operation <= 0x4f) { /* lit0 to lit31 */
            stack[top++] = operation - 0x30u;
            continue;
        }
        if (operation >= 0x70 && operation <= 0x80) { /* breg0 to breg16 */
            stack[top++] = frame->value[operation - 0x70] + (uint64_t)take_signed(&code);
            continue;
        }
        switch (operation) {
        case 0x06: /* deref */
            if (!top || user_read(&a, (void *)stack[top - 1], sizeof a))
                return false;
            stack[top - 1] = a;
            continue;
        case 0x08: /* const1u, const1s, const2u, const2s */
            stack[top++] = take(&code, 1);
            continue;
        case 0x09:
            stack[top++] = (uint64_t)(int8_t)take(&code, 1);
            continue;
        case 0x0a:
            stack[top++] = take(&code, 2);
            continue;
        case 0x0b:
            stack[top++] = (uint64_t)(int16_t)take(&code, 2);
            continue;
        case 0x10: /* constu, consts */
            stack[top++] = take_unsigned(&code);
            continue;
        case 0x11:
            stack[top++] = (uint64_t)take_signed(&code);
            continue;
        case 0x12: /* dup */
            if (!top)
                return false;
            stack[top] = stack[top - 1];
            top++;
            continue;
        case 0x23: /* plus_uconst */
            if (!top)
                return false;
            stack[top - 1] += take_unsigned(&code);
            continue;
        }
        if (top < 2)
            return false;
        b = stack[--top];
        a = stack[top - 1];
        switch (operation) {
        case 0x1a: /* and, minus, mul, or, plus, shl, shr, ge */
            a &= b;
            break;
        case 0x1c:
            a -= b;
            break;
        case 0x1e:
            a *= b;
            break;
        case 0x21:
            a |= b;
            break;
        case 0x22:
            a += b;
            break;
        case 0x24:
            a = b < 64 ? a << b : 0;
            break;
        case 0x25:
            a = b < 64 ? a >> b : 0;
            break;
        case 0x2a:
            a = (int64_t)a >= (int64_t)b;
            break;
        default:
            return false;
        }
        stack[top - 1] = a;
    }
    *result = stack[top - 1];
    return top > 0;
}

static bool rules_apply(const struct state *state, struct unwind *frame)
{
    struct unwind caller = *frame;
    uint64_t cfa;

    if (state->cfa.kind == EXPRESSION) {
        if (!expression_run(state->cfa.expression, frame, 0, &cfa))
            return false;
    } else {
        if (state->cfa_register >= UNWIND_REGISTERS)
            return false;
        cfa = frame->value[state->cfa_register] + (uint64_t)state->cfa.number;
    }
    caller.value[UNWIND_RSP] = cfa;
    for (unsigned i = 0; i < UNWIND_REGISTERS; i++) {
        const struct rule *rule = &state->rule[i];
        uint64_t value = cfa;

        switch (rule->kind) {
        case SAME:
            continue;
        case UNDEFINED:
            if (i == UNWIND_RIP) /* how the outermost frame is marked */
                return false;
            continue;
        case REGISTER:
            if ((uint64_t)rule->number >= UNWIND_REGISTERS)
                return false;
            caller.value[i] = frame->value[rule->number];
            continue;
        case VALUE_OFFSET:
            caller.value[i] = cfa + (uint64_t)rule->number;
            continue;
        case OFFSET:
            value = cfa + (uint64_t)rule->number;
            break;
        case EXPRESSION:
        case VALUE_EXPRESSION:
            if (!expression_run(rule->expression, frame, cfa, &value))
                return false;
            if (rule->kind == VALUE_EXPRESSION) {
                caller.value[i] = value;
                continue;
            }
        }
        if (user_read(&caller.value[i], (void *)value, sizeof(uint64_t)))
            return false;
    }
    *frame = caller;
    return true;
}

bool unwind_step(const struct image *image, uint64_t address, struct unwind *frame)
{
    static struct state state, initial;
    struct description d;
    uint64_t target = address - image->base;

    if (!description_find(image, target, &d))
        return false;
    memset(&state, 0, sizeof state);
    if (!instructions_run(d.unit.instructions, &common, &d.unit, NULL, d.begin, UINT64_MAX, &state))
        return false;
    initial = state;
    return instructions_run(d.instructions, &entry, &d.unit, &initial, d.begin, target, &state) &&
           rules_apply(&state, frame);
}
