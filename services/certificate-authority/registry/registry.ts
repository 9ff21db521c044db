import type { Clock } from "../../shared/clock.ts";
import type { ObjectMeta } from "../../shared/kubernetes/object-meta.ts";
import { isStatusError, StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import type { ApiObject } from "../domain/api-object.ts";
import type { Authorizer } from "../domain/authorization.ts";
import type { DraftMeta } from "../domain/draft.ts";
import type { FieldError } from "../domain/field-error.ts";
import { validateDeletionUntouched, validateMeta, validateNoNewFinalizers } from "../domain/object-meta-rules.ts";
import type { ObjectStore } from "../domain/ports.ts";
import { completeName, newMeta } from "../domain/prepare-create.ts";
import { changedMeta } from "../domain/prepare-update.ts";
import { type ResourceErrors, resourceErrors } from "../domain/resource-errors.ts";
import { isSameValue } from "../domain/same-value.ts";
import type { ObjectChange, ObjectDraft, ObjectRules, Registry, WriteOptions, Written } from "./contract.ts";
import { withdraw } from "./withdraw.ts";

export interface RegistryDependencies<T extends ApiObject, Content> {
  readonly rules: ObjectRules<T, Content>;
  readonly store: ObjectStore<T>;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** A random UUID. */
  newUid(): string;
  /** Five random characters, what `generateName` is completed with. */
  newNameSuffix(): string;
}

/** How many generated names are tried before the clash is the caller's. */
const NAME_TRIES = 8;
/** How often a write without resourceVersion is put on top of what others wrote meanwhile. */
const WRITE_TRIES = 8;
/** A resourceVersion that is none is no claim to update something. */
const REVISION = /^\d+$/;

/**
 * Creates, changes and removes plain objects as kube-apiserver does.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go.
 */
export function createRegistry<T extends ApiObject, Content>(
  deps: RegistryDependencies<T, Content>,
): Registry<T, Content> {
  const { store, clock, rules } = deps;
  const errors = resourceErrors(rules.names);
  return {
    create: (requester, draft, options) => create(deps, errors, requester, draft, options),
    update: (requester, name, change, options) => update(deps, errors, { requester, name, change, options }),
    remove: (requester, name, preconditions, options) => {
      const parts = {
        ...{ errors, clock },
        get: (of: string) => store.get(of),
        admit: (stored: T) => rules.admitRemoval(stored),
        update: (object: T) => store.update(object, requester.username),
        remove: (of: string, held: typeof preconditions) => store.remove(of, held, requester.username),
      };
      return withdraw(parts, { name, preconditions, options });
    },
  };
}

async function create<T extends ApiObject, Content>(
  deps: RegistryDependencies<T, Content>,
  errors: ResourceErrors,
  requester: UserInfo,
  { metadata, content }: ObjectDraft<Content>,
  options: WriteOptions,
): Promise<T> {
  const { rules } = deps;
  const isGenerated = metadata.name === "" && metadata.generateName !== "";
  const named = (name: string): T => {
    return rules.build(newMeta(metadata, { name, uid: deps.newUid(), now: deps.clock.now() }), content);
  };
  const object = named(isGenerated ? completeName(metadata.generateName, deps.newNameSuffix()) : metadata.name);
  await rules.admit(requester, undefined, object);
  const problems = [...validateMeta(judged(object.metadata, metadata.generation)), ...rules.validate(object)];
  if (problems.length > 0) throw errors.invalid(object.metadata.name, problems);
  if (REVISION.test(metadata.resourceVersion)) {
    throw new StatusError("BadRequest", "resourceVersion may not be set on an object that is to be created");
  }
  if (options.dryRun) return rehearse(deps, errors, object);
  for (let attempt = 1, next = object; ; attempt += 1) {
    try {
      return await deps.store.create(next, requester.username);
    } catch (error) {
      if (!isGenerated || attempt >= NAME_TRIES || !isStatusError(error, "AlreadyExists")) throw error;
      next = named(completeName(metadata.generateName, deps.newNameSuffix()));
    }
  }
}

async function rehearse<T extends ApiObject>(
  { store }: { readonly store: ObjectStore<T> },
  errors: ResourceErrors,
  object: T,
): Promise<T> {
  const { name } = object.metadata;
  if ((await store.get(name)) !== undefined) throw errors.alreadyExists(name);
  return object;
}

interface Update<T, Content> {
  readonly requester: UserInfo;
  readonly name: string;
  readonly change: ObjectChange<T, ObjectDraft<Content>>;
  readonly options: WriteOptions;
}

async function update<T extends ApiObject, Content>(
  deps: RegistryDependencies<T, Content>,
  errors: ResourceErrors,
  wanted: Update<T, Content>,
): Promise<Written<T>> {
  const { requester, name, change, options } = wanted;
  for (let attempt = 1; ; attempt += 1) {
    const stored = await deps.store.get(name);
    const draft = change(stored);
    requireSameName(draft.metadata, name);
    if (stored === undefined) return createByUpdate(deps, errors, wanted, draft);
    requireSameUid(draft.metadata, stored.metadata, errors);
    const next = deps.rules.build(changedMeta(stored.metadata, draft.metadata), draft.content);
    await deps.rules.admit(requester, stored, next);
    requireSameRevision(draft.metadata, stored.metadata, errors);
    const problems = problemsOfChange(deps.rules, stored, next, draft.metadata);
    if (problems.length > 0) throw errors.invalid(name, problems);
    if (options.dryRun || isSameValue(stored, next)) {
      return { object: isSameValue(stored, next) ? stored : next, isNew: false };
    }
    try {
      return { object: await write(deps.store, next, requester.username), isNew: false };
    } catch (error) {
      const isTriedAgain = draft.metadata.resourceVersion === "" && attempt < WRITE_TRIES;
      if (!isTriedAgain || !isStatusError(error, "Conflict")) throw error;
    }
  }
}

async function createByUpdate<T extends ApiObject, Content>(
  deps: RegistryDependencies<T, Content>,
  errors: ResourceErrors,
  { requester, name, options }: Update<T, Content>,
  draft: ObjectDraft<Content>,
): Promise<Written<T>> {
  const { createsOnUpdate, names } = deps.rules;
  if (!createsOnUpdate) throw errors.notFound(name);
  if (draft.metadata.uid !== "") throw errors.conflict(name, "it has a uid, and there is no such object");
  const { group, resource } = names;
  const right = { kind: "resource", verb: "create", group, version: "v1", resource, name } as const;
  const { allowed } = await deps.authorizer.authorize(requester, right);
  if (!allowed) throw errors.forbidden(name, `user ${JSON.stringify(requester.username)} may not create it`);
  const metadata = { ...draft.metadata, resourceVersion: "" };
  return { object: await create(deps, errors, requester, { ...draft, metadata }, options), isNew: true };
}

function requireSameName(wanted: DraftMeta, name: string): void {
  if (wanted.name === name) return;
  throw new StatusError("BadRequest", `the object's name ${JSON.stringify(wanted.name)} is not the URL's`);
}

function requireSameUid(wanted: DraftMeta, { name, uid }: ObjectMeta, errors: ResourceErrors): void {
  if (wanted.uid !== "" && wanted.uid !== uid) throw errors.conflict(name, `its uid is ${uid}, not ${wanted.uid}`);
}

function requireSameRevision(wanted: DraftMeta, { name, resourceVersion }: ObjectMeta, errors: ResourceErrors): void {
  if (wanted.resourceVersion !== "" && wanted.resourceVersion !== resourceVersion) throw errors.stale(name);
}

function problemsOfChange<T extends ApiObject, Content>(
  rules: ObjectRules<T, Content>,
  stored: T,
  next: T,
  wanted: DraftMeta,
): FieldError[] {
  const { deletionTimestamp, finalizers = [] } = stored.metadata;
  return [
    ...validateDeletionUntouched(stored.metadata, wanted),
    ...validateMeta(judged(next.metadata)),
    ...rules.validate(next),
    ...rules.validateChange(stored, next),
    ...(deletionTimestamp === undefined ? [] : validateNoNewFinalizers(finalizers, next.metadata.finalizers ?? [])),
  ];
}

/** An object that was being deleted goes with its last finalizer. */
async function write<T extends ApiObject>(store: ObjectStore<T>, next: T, actor: string): Promise<T> {
  const { name, uid, resourceVersion, deletionTimestamp, finalizers } = next.metadata;
  if (deletionTimestamp === undefined || finalizers !== undefined) return store.update(next, actor);
  const last = await store.remove(name, { uid, resourceVersion }, actor);
  return { ...next, metadata: { ...next.metadata, resourceVersion: last.metadata.resourceVersion } };
}

function judged(metadata: ObjectMeta, generation?: number) {
  const { name, generateName = "", labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = metadata;
  const meta = { name, generateName, labels, annotations, ownerReferences, finalizers };
  return generation === undefined ? meta : { ...meta, generation };
}
