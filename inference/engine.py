"""Continuous batching: one step of all running completions at a time.

Owned by one thread (see service.py). Knows tokens, cells and batches; nothing of documents, HTTP
or threads. What becomes of a completion is told to its `sink`.

A step is: drop what ended, admit, place blocks, plan, decode, sample, deliver.
"""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inference import scheduler
from inference.batch_slice import Slice
from inference.block_placement import MEASURED_MODELS, BlockPlacement
from inference.completion import Completion, Counters, PlacedBlock
from inference.cores import usable_cores
from inference.drafting import LONGEST_DRAFT_TOKENS, NGramDrafter
from inference.engine_config import EngineConfig
from inference.kv_cache import KVCache, common_prefix_length
from inference.llama.context import MAX_SEQUENCE_IDS, Context, DecodeStatus
from inference.llama.gpus import gpu_memory
from inference.llama.model import Model
from inference.request import (
    DeadlineExceeded,
    FinishReason,
    InferenceError,
    Priority,
    Prompt,
    Request,
    TokenEvent,
    TokenLogprob,
    Usage,
    check_request,
)
from inference.sampling import Sampler
from inference.sizing import automatic_context_tokens, automatic_gpu_layers

logger = logging.getLogger(__name__)

# Cells kept free for each running completion, so that a new one is not admitted only to be
# preempted some tokens later.
HEADROOM_CELLS = 32
# A waiting prompt that shares at least this much more with one being computed waits for it.
WORTH_WAITING_TOKENS = 32
# Share of the cells kept for prompts to come. On a CPU they cost nothing (bench/retained_cells.py);
# a GPU's attention computes them and throws the result away, so there it is a careful guess.
RETAINED_SHARE = 0.5
RETAINED_SHARE_GPU = 0.2
# Passages computed side by side to be kept.
BLOCK_BUILDERS = 4
# Blocks that are remembered to be built later: some screens of questions.
MOST_MISSED_BLOCKS = 64
# Most rows of drafts in one batch, over all sequences; how many of them pay is learned.
DRAFT_ROWS = 16


class Engine:
    """A loaded model and everything that runs on it. Raises ModelLoadError."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        gpus = gpu_memory()
        self.devices = tuple(gpu.name for gpu in gpus)
        wanted = config.gpu_layers if gpus else 0
        if wanted < 0:
            wanted = automatic_gpu_layers(config, [gpu.free_bytes for gpu in gpus])
        self.model = Model(
            config.model_path,
            gpu_layers=wanted,
            tensor_split=config.tensor_split,
            lock_memory=config.lock_memory,
            map_file=config.map_file,
        )
        self.tokenizer = self.model.tokenizer
        self.gpu_layers = min(wanted, self.model.description.layers + 1)
        self.threads = config.threads or usable_cores()
        max_outputs = config.max_sequences + DRAFT_ROWS
        try:
            self.context = Context(
                self.model,
                cells=config.context_tokens or automatic_context_tokens(self.model, config),
                batch_tokens=max(config.batch_tokens, max_outputs),
                max_sequences=config.max_sequences + BLOCK_BUILDERS + 1,
                max_outputs=max_outputs,
                threads=self.threads,
                kv_type=config.kv_type,
                adapters=dict(config.adapters),
            )
        except BaseException:
            self.model.close()
            raise
        # The cells of a recurrent state cannot be shared by position or taken back.
        self._shares = config.prefix_cache and not self.model.is_recurrent
        self._can_draft = config.drafting and not self.model.is_recurrent
        scratch = config.max_sequences + BLOCK_BUILDERS
        placing = config.passage_blocks
        if placing is None:
            placing = self.model.metadata("general.name") in MEASURED_MODELS
        self.blocks = BlockPlacement(
            self.context, scratch, config, enabled=placing and self._shares
        )
        self._building: set[str] = set()
        # Blocks that answers did without, by identity; the latest are built when nobody waits.
        self._missed: OrderedDict[str, Completion] = OrderedDict()
        self.cache = KVCache(
            self.context,
            total=self.context.cells,
            running_ids=range(scratch),
            retained_ids=range(scratch + 1, MAX_SEQUENCE_IDS if self._shares else 0),
            retained_limit=int(
                self.context.cells * (RETAINED_SHARE_GPU if self.gpu_layers > 0 else RETAINED_SHARE)
            ),
        )
        self.counters = Counters()
        self.cost = scheduler.StepCost()
        self.waiting: list[Completion] = []
        self.running: list[Completion] = []
        self._asked_at = -math.inf  # when an interactive request was last under way

    @property
    def context_tokens(self) -> int:
        """Most tokens one request may have, prompt and completion together."""
        trained = self.model.description.trained_context_tokens or self.context.cells
        return min(self.context.cells, trained)

    @property
    def has_work(self) -> bool:
        """True while a completion is waiting or running."""
        return bool(self.waiting or self.running)

    @property
    def has_idle_work(self) -> bool:
        """True while there are blocks to build that nobody waits for."""
        return bool(self._missed)

    @property
    def blocks_to_build(self) -> int:
        """How many passage blocks are being built or wait for it."""
        return len(self._missed) + sum(bool(c.build) for c in (*self.waiting, *self.running))

    def validate(self, request: Request) -> None:
        """Raise InvalidRequest for what can never be served. Callable from any thread."""
        check_request(
            request, context_tokens=self.context_tokens, vocabulary_size=self.tokenizer.size
        )

    def enqueue(self, completion: Completion) -> None:
        """Take a validated completion."""
        self.waiting.append(completion)

    # --- one step -----------------------------------------------------------------------------

    def step(self) -> None:
        """Advance every running completion."""
        started = time.monotonic()
        self._drop_ended(started)
        if not self.has_work and self._missed:
            self.waiting.append(self._missed.popitem(last=False)[1])
        self._admit(started)
        if any(item.priority is Priority.INTERACTIVE for item in self.running):
            self._asked_at = started
        self._place_blocks()
        slices = self._plan()
        if not slices:
            return
        decode_started = time.monotonic()
        if not self._decode(slices):
            return
        decode_seconds = time.monotonic() - decode_started
        self._deliver(slices)
        self._account(slices, decode_seconds, time.monotonic() - started)

    def _drop_ended(self, now: float) -> None:
        for completion in [*self.running, *self.waiting]:
            if completion.cancelled:
                self._finish(completion, FinishReason.CANCELLED)
            elif completion.expired(now):
                limit = completion.request.deadline_seconds
                self._fail(completion, DeadlineExceeded(f"not finished within {limit:g} seconds"))

    # --- admission ----------------------------------------------------------------------------

    def _admit(self, now: float) -> None:
        for completion in scheduler.admission_order(self.waiting, self.running, now):
            victim = None
            if not self._has_place_for(completion):
                victim = self._victim_of(completion)
                if victim is None:
                    continue
            if self._should_wait_for_shared_prefix(completion, victim):
                continue
            if victim is not None:  # not before it is sure that somebody takes the place
                self._preempt(victim)
            if not self._start(completion, now):
                return

    def _has_place_for(self, completion: Completion) -> bool:
        builds = bool(completion.build)
        running = sum(bool(item.build) == builds for item in self.running)
        return running < (BLOCK_BUILDERS if builds else self.config.max_sequences)

    def _victim_of(self, completion: Completion) -> Completion | None:
        """Who gives way to this one, if anybody does; for a block to be kept nobody does."""
        if completion.build:
            return None
        return scheduler.preemption_victim(
            self.running, size=lambda item: item.computed, below=completion.priority
        )

    def _should_wait_for_shared_prefix(
        self, completion: Completion, victim: Completion | None
    ) -> bool:
        """True if a running prompt is just computing a long beginning that this one shares.

        victim: who gives way to this one, and so computes nothing more for it.
        """
        prompts = [item for item in self.running if item.pending_tokens > 1 and item is not victim]
        if not prompts or not self._shares:
            return False
        key = completion.key
        cached = self.cache.match(key)
        for item in prompts:
            shared = common_prefix_length(key, item.key)
            # Samples of one prompt always share it; of other prompts, what is worth the wait.
            worth = 1 if shared == len(key) else WORTH_WAITING_TOKENS
            if shared >= cached + worth and item.computed < shared:
                return True
        return False

    def _start(self, completion: Completion, now: float) -> bool:
        """Give the completion cells; False if there is no room for its prompt now."""
        if completion.cached_tokens is None and not completion.build:
            completion.blocks = self._blocks_for(completion)
        cells = self.cache.start(completion.key)
        unmet = sum(item.pending_cells for item in self.running)
        headroom = HEADROOM_CELLS * (len(self.running) + 1)
        need = len(completion.tokens) - cells.length + unmet + headroom
        while not self.cache.make_room(need) and self.running:
            victim = self._victim_of(completion)
            if victim is None:
                self.cache.release(cells)
                return False
            need -= victim.pending_cells + HEADROOM_CELLS
            self._preempt(victim)
        if completion.sampler is None and not completion.build:
            try:
                completion.sampler = Sampler(self.model, completion.request.sampling)
            except InferenceError as error:
                self.cache.release(cells)
                self._fail(completion, error)
                return True
            if self._can_draft and completion.sampler.can_verify_drafts:
                completion.drafter = NGramDrafter()
        completion.cells = cells
        if completion.cached_tokens is None:  # not again after a preemption
            completion.cached_tokens = cells.length
            completion.scheduled = now
            self.counters.prompt_tokens_reused += cells.length
        self.waiting.remove(completion)
        self.running.append(completion)
        return True

    # --- passage blocks -----------------------------------------------------------------------

    def _blocks_for(self, completion: Completion) -> tuple[PlacedBlock, ...]:
        """The passages that are placed instead of computed.

        Who can wait has the missing ones built first. Somebody who waits for an answer is not made
        to: a passage without a block is computed in place, exactly, and its block when all is calm.
        """
        completion.building, completion.bridges = self._building, self.blocks.bridges
        can_wait = completion.priority is Priority.BATCH
        placed = []
        for block in self.blocks.plan(completion.request.prompt):
            if block.identity in self.blocks.store:
                placed.append(block)
                continue
            build = self._build_of(block, completion.request)
            if can_wait:
                placed.append(block)
                if block.identity not in self._building:
                    self._building.add(block.identity)
                    self._missed.pop(block.identity, None)
                    self.waiting.append(build)
            elif block.identity not in self._building:
                self._missed[block.identity] = build
                if len(self._missed) > MOST_MISSED_BLOCKS:
                    self._missed.popitem(last=False)
        return tuple(placed)

    def _build_of(self, block: PlacedBlock, request: Request) -> Completion:
        """A completion whose result is the block."""
        prompt = request.prompt
        tokens = prompt.block_context + prompt.tokens[block.start - block.skip : block.end]
        alone = Prompt(tokens, block_context=prompt.block_context)
        request = replace(request, prompt=alone, priority=Priority.BATCH, deadline_seconds=None)
        return Completion(request, _nobody, time.monotonic(), build=block.identity)

    def _place_blocks(self) -> None:
        for completion in self.running:
            while (block := completion.next_block) and block.start <= completion.computed:
                if block.identity in self._building:
                    break
                start = completion.computed
                if self.cache.make_room(block.end - start) and self._place(completion, block):
                    assert completion.cells is not None
                    self.cache.grow(completion.cells, block.end - start)
                    self._count_placed(completion, block.end - start)
                else:
                    completion.drop_block(block)

    def _place(self, completion: Completion, block: PlacedBlock) -> bool:
        """Fill the block's cells, but for those that the completion has; book nothing."""
        assert completion.cells is not None
        first = block.start - block.skip
        return self.blocks.place(
            block.identity,
            completion.cells.sequence,
            first,
            block.end - first,
            skip=max(completion.computed, block.start) - first,
        )

    def _place_between(self, slices: Sequence[Slice]) -> bool:
        """Place the blocks that slices pass over. False: one is gone, and nothing is placed."""
        for item in slices:
            for block in item.blocks:
                if not self._place(item.completion, block):
                    item.completion.drop_block(block)
                    self._take_back(slices)
                    return False
        return True

    def _count_placed(self, completion: Completion, count: int) -> None:
        completion.cached_tokens = (completion.cached_tokens or 0) + count
        self.counters.prompt_tokens_reused += count

    def _save_block(self, completion: Completion) -> None:
        """A build has computed its tokens: keep their state."""
        assert completion.cells is not None
        start, end = len(completion.request.prompt.block_context), len(completion.tokens)
        self.blocks.save(completion.build, completion.cells.sequence, start, end)
        self._end(completion)

    def _preempt(self, completion: Completion) -> None:
        """Give up a running completion's place; it starts again from its tokens so far."""
        logger.debug("preempted a completion of %d tokens", len(completion.tokens))
        self._release_cells(completion)
        self.running.remove(completion)
        self.waiting.append(completion)
        self.counters.preemptions += 1

    def _release_cells(self, completion: Completion) -> None:
        if completion.cells is not None:
            self._publish(completion)
            cells, completion.cells = completion.cells, None
            self.cache.release(cells)

    # --- planning -----------------------------------------------------------------------------

    def _plan(self) -> list[Slice]:
        while self.running:
            slices = self._choose_slices()
            if not self.cache.make_room(sum(item.cells for item in slices)):
                slices = [Slice(item.completion, 1) for item in slices]
            if self.cache.make_room(sum(item.cells for item in slices)):
                if self._place_between(slices):
                    return slices
                continue
            if not self._give_way():
                return []
        return []

    def _choose_slices(self) -> list[Slice]:
        decoding = [item for item in self.running if item.pending_tokens == 1]
        slices = self._with_drafts(decoding)
        now = time.monotonic()
        shares = scheduler.share_prompts(
            self.running,
            self.cost,
            batch_tokens=self.context.batch_tokens,
            decode_rows=sum(item.rows for item in slices),
            now=now,
            is_calm=now - self._asked_at > scheduler.CALM_AFTER_SECONDS,
        )
        return slices + [Slice(item, count) for item, count in shares]

    def _with_drafts(self, decoding: Sequence[Completion]) -> list[Slice]:
        rows_left = DRAFT_ROWS
        worth = self.cost.draft_worth(len(decoding))
        slices = []
        for item in decoding:
            drafts: list[int] = []
            if item.drafter is not None and item.at_end and rows_left:
                room = self.context_tokens - len(item.tokens)
                limit = min(rows_left, item.tokens_left - 1, room - 1, LONGEST_DRAFT_TOKENS)
                drafts = item.drafter.propose(item.tokens, limit=limit, worth=worth)
                rows_left -= len(drafts)
            slices.append(Slice(item, 1, tuple(drafts)))
        return slices

    def _give_way(self) -> bool:
        """Out of cells: preempt one completion, or fail the only one there is."""
        victim = scheduler.preemption_victim(self.running, size=lambda item: item.computed)
        assert victim is not None
        if len(self.running) > 1:
            self._preempt(victim)
            return True
        self._fail(victim, InferenceError("the KV cache has no room for this request"))
        return False

    # --- decoding -----------------------------------------------------------------------------

    def _decode(self, slices: list[Slice]) -> bool:
        """Run the batch and book its cells. False: nothing was computed, try the next step."""
        count = sum(item.rows for item in slices)
        tokens = np.empty(count, np.int32)
        positions = np.empty(count, np.int32)
        sequences = np.empty(count, np.int32)
        outputs = np.zeros(count, np.int8)
        row = 0
        for item in slices:
            completion, end = item.completion, row + item.rows
            assert completion.cells is not None
            where = item.positions
            positions[row:end] = where
            tokens[row : row + item.count] = [completion.tokens[p] for p in where[: item.count]]
            tokens[row + item.count : end] = item.drafts
            sequences[row:end] = completion.cells.sequence
            if item.end == len(completion.tokens) and not completion.build:
                outputs[row + item.count - 1 : end] = 1
            row = end
        status = self.context.decode(tokens, positions, sequences, outputs)
        if status is DecodeStatus.FAILED:
            self.counters.failed_batches += 1
            self._take_back(slices)
            if not self._place_between(slices):
                return False
            status = self.context.decode(tokens, positions, sequences, outputs)
        if status is DecodeStatus.OK:
            for item in slices:
                assert item.completion.cells is not None
                self.cache.grow(item.completion.cells, item.cells)
                self._count_placed(item.completion, item.cells - item.rows)
                item.completion.was_refused = False
            return True
        self._recover(slices, status)
        return False

    def _take_back(self, slices: Sequence[Slice]) -> None:
        """Take out of the cache what is not booked: blocks, and what a failed batch left there."""
        for item in slices:
            cells = item.completion.cells
            assert cells is not None
            self.context.remove_cells(cells.sequence, cells.length, -1)

    def _recover(self, slices: Sequence[Slice], status: DecodeStatus) -> None:
        self._take_back(slices)
        if status is DecodeStatus.NO_ROOM:
            # The books said there was room: give some back and plan again.
            if self.cache.make_room(self.cache.free + self.context.batch_tokens):
                return
            [alone, *others] = self.running
            if others or alone.was_refused:
                self._give_way()
            else:
                alone.was_refused = True
                self._preempt(alone)
            return
        self.counters.failed_batches += 1
        for item in slices:
            self._fail(item.completion, InferenceError("llama.cpp failed to compute this batch"))

    # --- results ------------------------------------------------------------------------------

    def _deliver(self, slices: Sequence[Slice]) -> None:
        row = 0
        for item in slices:
            completion = item.completion
            is_prompt = completion.first_token is None
            last = row + item.count - 1
            row += item.rows
            if completion.computed < len(completion.tokens):
                self._publish(completion)
                continue
            if completion.build:
                self._save_block(completion)
                continue
            if is_prompt:
                self._publish(completion)
            self._sample(item, last)

    def _publish(self, completion: Completion) -> None:
        """Let others share what has been computed of a prompt."""
        assert completion.cells is not None
        count = completion.computed
        if completion.build:  # only what stands before the passage is of use to others
            count = min(count, len(completion.request.prompt.block_context))
        self.cache.publish(completion.cells, completion.key_of(count))

    def _sample(self, item: Slice, row: int) -> None:
        """Sample after the last pending token, then on as long as the drafts are right."""
        completion = item.completion
        assert completion.cells is not None
        assert completion.sampler is not None
        accepted = 0
        for offset in range(len(item.drafts) + 1):
            token = completion.sampler.sample(self.context, row + offset)
            logprob = completion.sampler.logprob(self.context, row + offset, token)
            right = offset < len(item.drafts) and token == item.drafts[offset]
            accepted += right
            event = self._take_token(completion, token, logprob)
            if event.finish_reason is not None or not right:
                break
            completion.sink(event)
        if item.drafts:
            self._settle_drafts(completion, len(item.drafts), accepted)
        if event.finish_reason is not None:
            self._end(completion)  # first, so that a reader of the last event finds all freed
        completion.sink(event)

    def _settle_drafts(self, completion: Completion, drafted: int, accepted: int) -> None:
        """Take back the cells of drafts that were wrong, and learn from the outcome."""
        assert completion.drafter is not None
        assert completion.cells is not None
        self.cache.truncate(completion.cells, completion.cells.length - (drafted - accepted))
        completion.drafter.record(drafted, accepted)
        completion.drafted += drafted
        completion.accepted += accepted
        self.counters.drafted_tokens += drafted
        self.counters.accepted_draft_tokens += accepted

    def _take_token(
        self, completion: Completion, token: int, logprob: TokenLogprob | None
    ) -> TokenEvent:
        """Book one sampled token; the event to deliver, with a finish reason if it is the last."""
        now = time.monotonic()
        if completion.first_token is None:
            completion.first_token = now
            self.counters.first_token_seconds.append(now - completion.submitted)
        elif completion.latest_token is not None:
            self.counters.inter_token_seconds.append(now - completion.latest_token)
        completion.latest_token = now
        if self.tokenizer.is_end_of_generation(token):
            return self._last_event(completion, FinishReason.STOP)
        completion.tokens.append(token)
        self.counters.completion_tokens += 1
        text = completion.text.push(self.tokenizer.piece(token))
        logprobs = (logprob,) if logprob is not None else ()
        if completion.text.stopped:
            return self._last_event(completion, FinishReason.STOP, text, logprobs)
        if completion.tokens_left <= 0 or len(completion.tokens) >= self.context_tokens:
            return self._last_event(completion, FinishReason.LENGTH, text, logprobs)
        return TokenEvent(text, None, logprobs)

    def _last_event(
        self,
        completion: Completion,
        reason: FinishReason,
        text: str = "",
        logprobs: tuple[TokenLogprob, ...] = (),
    ) -> TokenEvent:
        now = time.monotonic()
        prompt_tokens = len(completion.request.prompt.tokens)
        completion.usage = Usage(
            prompt_tokens=prompt_tokens,
            cached_tokens=min(completion.cached_tokens or 0, prompt_tokens),
            completion_tokens=completion.completion_tokens,
            queue_seconds=(completion.scheduled or now) - completion.submitted,
            first_token_seconds=(completion.first_token or now) - completion.submitted,
            total_seconds=now - completion.submitted,
            drafted_tokens=completion.drafted,
            accepted_draft_tokens=completion.accepted,
        )
        self.counters.requests[reason] += 1
        if reason in (FinishReason.STOP, FinishReason.LENGTH):
            self.counters.request_seconds.append(now - (completion.scheduled or now))
        return TokenEvent(text + completion.text.finish(), reason, logprobs)

    def _finish(self, completion: Completion, reason: FinishReason) -> None:
        if completion.build:
            self._end(completion)
            return
        event = self._last_event(completion, reason)
        self._end(completion)
        completion.sink(event)

    def _fail(self, completion: Completion, error: InferenceError) -> None:
        if completion.build:
            self._end(completion)
            return
        self._last_event(completion, FinishReason.ERROR)
        self._end(completion)
        completion.sink(error)

    def _end(self, completion: Completion) -> None:
        """Give back everything that a completion held."""
        self._building.discard(completion.build)
        self._release_cells(completion)
        if completion.sampler is not None:
            completion.sampler.close()
        if completion in self.running:
            self.running.remove(completion)
        if completion in self.waiting:
            self.waiting.remove(completion)

    def _account(self, slices: Sequence[Slice], decode_seconds: float, seconds: float) -> None:
        decode_rows = sum(item.rows for item in slices if item.count == 1)
        prompt_rows = sum(item.count for item in slices if item.count > 1)
        self.cost.record(decode_seconds, decode_rows=decode_rows, prompt_rows=prompt_rows)
        counters = self.counters
        counters.steps += 1
        counters.rows += decode_rows + prompt_rows
        counters.prompt_tokens_computed += prompt_rows
        counters.decode_seconds += decode_seconds
        counters.step_seconds += seconds

    # --- end ----------------------------------------------------------------------------------

    def cancel_all(self) -> None:
        """End every completion as cancelled."""
        for completion in [*self.running, *self.waiting]:
            self._finish(completion, FinishReason.CANCELLED)

    def fail_all(self, error: InferenceError) -> None:
        """Tell every completion the error, touching neither cache nor model: they may be broken."""
        for completion in [*self.running, *self.waiting]:
            completion.sink(error)
        self.running.clear()
        self.waiting.clear()

    def check(self) -> None:
        """Raise AssertionError unless ledger and cache agree. For tests and idle time."""
        self.cache.check()
        for item in self.running:
            assert item.cells is not None
            last = self.context.position_range(item.cells.sequence)[1]
            assert last == item.cells.length - 1, (last, item.cells.length)

    def close(self) -> None:
        """Free in order: samplers, context, model."""
        for completion in [*self.running, *self.waiting]:
            if completion.sampler is not None:
                completion.sampler.close()
        self.context.close()
        self.model.close()


def _nobody(_: TokenEvent | InferenceError) -> None:
    """The sink of a build: nobody waits for its tokens."""
