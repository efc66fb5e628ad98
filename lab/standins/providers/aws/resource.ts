/** The life of an IAM entity. */
import { changes, withoutIgnored } from "../plugin/diff.js";
import { seededHex } from "../plugin/names.js";
import type {
  CheckFailure,
  CheckRequest,
  CreateRequest,
  DeleteRequest,
  DiffRequest,
  DiffResult,
  Operation,
  ReadRequest,
  ReadResult,
  Resource,
  UpdateRequest,
} from "../plugin/provider.js";
import {
  hasUnknown,
  isMap,
  markSecrets,
  reveal,
  revealMap,
  toJson,
  UNKNOWN,
  type JsonMap,
  type PropertyMap,
} from "../plugin/values.js";
import type { Context, Entity } from "./entity.js";
import { samePolicy } from "./policy-document.js";
import { PROPAGATION_SECONDS } from "./retry.js";
import type { Settings } from "./settings.js";

const AUTONAME_DIGITS = 7;
/** Random digits after a `namePrefix`. */
const PREFIX_DIGITS = 26;

export class IamResource implements Resource {
  constructor(
    private readonly entity: Entity,
    private readonly settings: () => Settings,
  ) {}

  check(request: CheckRequest): Promise<{ inputs: PropertyMap; failures: CheckFailure[] }> {
    const { entity } = this;
    const failures: CheckFailure[] = entity.required
      .filter((key) => request.news[key] === undefined || request.news[key] === null)
      .map((property) => ({ property, reason: `Missing required argument "${property}"` }));
    for (const property of Object.keys(request.news)) {
      if (!entity.inputs.includes(property) && !property.startsWith("__")) {
        failures.push({ property, reason: "the stand-in for the aws provider does not know it" });
      }
    }
    const inputs = Object.fromEntries(
      Object.entries(request.news).filter(([key, value]) => value !== null && key !== "__defaults"),
    );
    for (const key of entity.policies) {
      const given = inputs[key] === undefined ? undefined : reveal(inputs[key]);
      if (isMap(given) && !hasUnknown(given)) {
        inputs[key] = JSON.stringify(given);
      }
    }
    if (entity.maxName !== undefined && inputs.name === undefined) {
      inputs.name = this.name(request, inputs, entity.maxName);
    }
    return Promise.resolve({ inputs: markSecrets(inputs, request.news), failures });
  }

  diff(request: DiffRequest): Promise<DiffResult> {
    const { entity } = this;
    const news = { ...entity.defaults, ...revealMap(request.news) };
    const olds = { ...entity.defaults, ...revealMap(request.oldInputs) };
    const found = withoutIgnored(changes(olds, news), request.ignoreChanges).filter(({ path }) => {
      const [before, after] = [olds[path], news[path]];
      const documents = entity.policies.includes(path);
      return !(
        documents &&
        typeof before === "string" &&
        typeof after === "string" &&
        samePolicy(before, after)
      );
    });
    return Promise.resolve({
      changes: found,
      replaces: ({ steps }) => entity.immutable.includes(String(steps[0])),
      // Two entities of one name cannot exist at once.
      deleteBeforeReplace: entity.maxName === undefined || olds.name === news.name,
    });
  }

  async create(request: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const { inputs, preview } = request;
    if (preview) {
      const unknown = this.entity.computed.map((key) => [key, UNKNOWN] as const);
      const { defaults } = this.entity;
      return { id: "", outputs: { ...Object.fromEntries(unknown), ...defaults, ...inputs } };
    }
    const context = this.context(request, request.timeout);
    const id = await this.entity.create(context, { ...this.entity.defaults, ...toJson(inputs) });
    return { id, outputs: await this.outputs(context, id, inputs) };
  }

  async update(request: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const { id, inputs, oldInputs, oldOutputs, preview } = request;
    if (preview) {
      return { outputs: { ...oldOutputs, ...this.entity.defaults, ...inputs } };
    }
    const context = this.context(request, request.timeout);
    const { defaults } = this.entity;
    const [olds, news] = [toJson(oldInputs), toJson(inputs)];
    await this.entity.update(context, id, { ...defaults, ...olds }, { ...defaults, ...news });
    return { outputs: await this.outputs(context, id, inputs) };
  }

  async delete(request: DeleteRequest): Promise<void> {
    const outputs = revealMap(request.outputs) as JsonMap;
    await this.entity.delete(this.context(request, request.timeout), request.id, outputs);
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const { id } = request;
    const live = await this.entity.read(this.context(request, 0), id);
    if (!live) {
      return undefined;
    }
    const imported = Object.keys(request.inputs).length === 0;
    const wanted = revealMap(request.inputs);
    const inputs: PropertyMap = {};
    for (const key of this.entity.inputs) {
      const isDefault = JSON.stringify(live[key]) === JSON.stringify(this.entity.defaults[key]);
      const value = key in live ? live[key] : wanted[key];
      if (imported ? value !== "" && !isDefault : key in wanted) {
        inputs[key] = this.sameMeaning(key, wanted[key], value) ? wanted[key] : value;
      }
    }
    const secret = markSecrets(inputs, request.inputs);
    const { forceDetachPolicies } = request.outputs;
    const own: PropertyMap = { forceDetachPolicies };
    return { id, inputs: secret, outputs: markSecrets({ ...own, ...live }, request.inputs) };
  }

  private async outputs(context: Context, id: string, inputs: PropertyMap): Promise<PropertyMap> {
    const live = (await this.entity.read(context, id)) ?? {};
    const result = { ...this.entity.defaults, ...inputs, ...live };
    for (const key of this.entity.policies) {
      // The document as the program wrote it: what AWS sends back may be ordered differently.
      result[key] = inputs[key] ?? result[key];
    }
    return markSecrets(result, inputs);
  }

  private sameMeaning(key: string, before: PropertyMap[string], now: PropertyMap[string]): boolean {
    return (
      this.entity.policies.includes(key) &&
      typeof before === "string" &&
      typeof now === "string" &&
      samePolicy(before, now)
    );
  }

  private name({ olds, name, seed, autonaming }: CheckRequest, inputs: PropertyMap, max: number) {
    if (olds.name !== undefined && olds.namePrefix === inputs.namePrefix) {
      return olds.name;
    }
    if (typeof inputs.namePrefix === "string") {
      return `${inputs.namePrefix}${seededHex(seed, PREFIX_DIGITS)}`.slice(0, max);
    }
    if (autonaming?.mode === "disable") {
      throw new Error("autonaming is disabled, resource requires the name property to be set");
    }
    const suffix = `-${seededHex(seed, AUTONAME_DIGITS)}`;
    const proposed = autonaming?.mode === "enforce" ? autonaming.proposedName : "";
    return proposed || `${name.slice(0, max - suffix.length)}${suffix}`;
  }

  private context({ signal }: Operation, timeout: number): Context {
    return { settings: this.settings(), signal, seconds: timeout || PROPAGATION_SECONDS };
  }
}
