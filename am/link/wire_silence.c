/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Silence is not death. A process may compute for minutes without taking a frame; its node's agent always answers. So when
 * frames to a process time out, its agent is asked. Only when that leaves questions unanswered for the configured
 * time is the node taken for unreachable, and with it every process there that owes us an answer.
 *
 * Only time in which we asked and listened counts: a process that comes back from a long computation has missed
 * nothing, and is not quick to judge.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "am/link/wire_private.h"

static uint64_t pause_between_questions(const struct wire *wire)
{
    return min64(wire->job->timeout / 8, WIRE_MAX_TIMEOUT);
}

/* False: the port has no room now. */
static bool ask_agent(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    struct wire_node *node = peer->node;
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    struct frame_header header = {
        .dst = AM_AGENT(node->node),
        .src = wire->job->process,
        .job = wire->job->job,
        .seq = wire->nonce + 1,
        .kind = FRAME_PROBE,
    };

    if (!frame)
        return false;
    node->nonce = ++wire->nonce;
    header.tag = frame_tag(&wire->job_key, &header, 0, 0, 0);
    memcpy(frame, peer->prefix, PORT_HEADER);
    memcpy(frame + PORT_HEADER, &header, sizeof(header));
    wire->port->ops->tx_commit(wire->port, FRAME_PAYLOAD);
    wire->unflushed = true;
    wire->count[COUNT_AGENT_PROBES]++;
    return true;
}

void wire_agent_answered(struct wire *wire, const struct frame_header *header)
{
    uint32_t node = header->src - AM_AGENT(0);

    if (header->kind != FRAME_PROBE || header->src < AM_AGENT(0) || node >= wire->job->nodes) {
        wire->count[COUNT_FOREIGN]++;
        return;
    }
    if (header->length || frame_tag(&wire->job_key, header, 0, 0, 0) != header->tag) {
        wire->count[COUNT_BAD_TAG]++;
        return;
    }
    /* An answer to an earlier question is as good, one recorded in an earlier life is not. */
    if (header->ack - (wire->nodes[node].nonce - 16) > 16) {
        wire->count[COUNT_EARLIER_LIFE]++;
        return;
    }
    wire->nodes[node].waiting = false;
    wire->nodes[node].silent = 0;
}

static bool owes_an_answer(const struct wire_peer *peer)
{
    return !peer->down && (peer->suspect_at != NEVER);
}

static void node_unreachable(struct wire *wire, struct wire_node *node)
{
    const struct am_node *entry = &wire->job->table[node->node];

    for (struct wire_peer *peer = wire->busy; peer; peer = peer->next_busy) {
        uint64_t frames = peer->tx_next - peer->tx_una;

        if (peer->node != node || !owes_an_answer(peer))
            continue;
        if (peer->open)
            wire_peer_failf(
                peer,
                "cannot be reached: node %u's agent has not answered for %.1f s either; frame "
                "%llu and %llu after it are unacknowledged",
                node->node, (double)node->silent / SECOND, (unsigned long long)peer->tx_una,
                (unsigned long long)(frames ? frames - 1 : 0));
        else
            wire_peer_failf(
                peer,
                "has never answered, and node %u's agent has not for %.1f s: do both ends of "
                "the link carry frames of ether type 0x%04x to %02x:%02x:%02x:%02x:%02x:%02x?",
                node->node, (double)node->silent / SECOND, wire->job->ethertype, entry->mac[0],
                entry->mac[1], entry->mac[2], entry->mac[3], entry->mac[4], entry->mac[5]);
    }
}

void wire_suspect(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    struct wire_node *node = peer->node;
    uint64_t pause = pause_between_questions(wire);
    uint64_t now = am_now(peer->link.am);

    if (!wire->job->table[node->node].agent || !wire->job->timeout)
        return; /* nobody there to ask: the launcher will say when the process ends */
    peer->suspect_at = now + pause;
    if (node->asked_at && now - node->asked_at < pause) {
        wire_due(peer, peer->suspect_at);
        return;
    }
    if (node->waiting) {
        node->silent += min64(now - node->asked_at, 2 * pause);
        node->asked_at = now;
        if (node->silent >= wire->job->timeout) {
            if (wire->helper_turn)
                wire->backlog = true; /* the program's own thread says so */
            else
                node_unreachable(wire, node);
            return;
        }
    }
    /* Only a question that was sent can go unanswered. */
    node->waiting = ask_agent(peer);
    if (node->waiting)
        node->asked_at = now;
    else
        peer->suspect_at = now + WIRE_ACK_DELAY;
    wire_due(peer, peer->suspect_at);
}

/* ---- down -------------------------------------------------------------------------------------------- */

void wire_peer_fail(struct wire_peer *peer, const char *reason)
{
    struct wire *wire = peer->wire;
    struct wire_staged *staged;
    struct wire_bulk *bulk;

    if (peer->down)
        return;
    if (wire->helper_turn) {
        /* Only the program's thread may tell the core: see wire_verdicts. */
        wire->backlog = true;
        if (!peer->busy)
            wire_busy_add(peer);
        return;
    }
    peer->down = true;
    peer->open = false;
    if (peer->held) {
        peer->held = false;
        wire->held--;
    }
    /* Each bulk transfer ends once: those with frames under way are found there, the others in the queue. */
    for (uint64_t seq = peer->tx_una; seq < peer->tx_next; seq++) {
        struct wire_sent *sent = sent_slot(peer, seq);

        if (sent->state == SENT_FREE)
            continue;
        sent->state = SENT_FREE;
        if (sent->kind == FRAME_DATA) {
            wire_buffer_give(wire, sent->copy);
        } else if (sent->bulk->sent == sent->bulk->length && !sent->bulk->status) {
            wire_bulk_end(wire, sent->bulk, -EHOSTDOWN);
        }
    }
    while ((bulk = peer->bulks) != NULL) {
        peer->bulks = bulk->next;
        wire_bulk_end(wire, bulk, -EHOSTDOWN);
    }
    peer->bulks_end = &peer->bulks;
    for (uint64_t seq = peer->rx_deliver; seq < peer->rx_high; seq++) {
        struct wire_received *received = received_slot(peer, seq);

        if (received->state == RECEIVED_STORED)
            wire_buffer_give(wire, received->copy);
        received->state = RECEIVED_NOT;
    }
    wire_credit_drop(peer);
    peer->tx_una = peer->tx_next;
    peer->tx_limit = peer->tx_edge = 0;
    while ((staged = peer->staged) != NULL) {
        peer->staged = staged->next;
        staged->next = peer->replies;
        peer->replies = staged;
    }
    peer->staged_end = &peer->staged;
    peer->owed = 0;
    peer->ack_now = peer->check_loss = false;
    peer->rto_at = peer->reorder_at = peer->hello_at = peer->suspect_at = NEVER;
    wire->count[COUNT_PEERS_DOWN]++;
    if (reason)
        am_report_down(wire->gate.transport.am, peer->link.peer, reason);
}

/* What the helper saw and might not say. */
void wire_verdicts(struct wire *wire)
{
    for (struct wire_peer *peer = wire->busy; peer; peer = peer->next_busy) {
        if (peer->was_reset)
            wire_reset_receive(peer);
        else if (peer->left)
            wire_bye_receive(peer);
    }
}

void wire_peer_failf(struct wire_peer *peer, const char *format, ...)
{
    const struct am_node *entry = &peer->wire->job->table[peer->node->node];
    char reason[512];
    int length;
    va_list list;

    length = snprintf(reason, sizeof(reason), "process %u on %s (%02x:%02x:%02x:%02x:%02x:%02x) ",
                      peer->link.peer, entry->host, entry->mac[0], entry->mac[1], entry->mac[2],
                      entry->mac[3], entry->mac[4], entry->mac[5]);
    va_start(list, format);
    vsnprintf(reason + length, sizeof(reason) - (size_t)length, format, list);
    va_end(list);
    wire_peer_fail(peer, reason);
}
