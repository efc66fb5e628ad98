import * as pulumi from "@pulumi/pulumi";

import { ComponentItself } from "../../components/cutover/inWaves.js";

/*
 * Pulumi's mocks, made strict: a type of resource or a call that a test has not listed throws.
 * Options such as dependsOn never reach the mocks; a stack transformation records them.
 */

export interface Registered {
  type: string;
  name: string;
  /** Inputs as a provider would see them. */
  inputs: Record<string, unknown>;
  urn: string;
}

interface Declared {
  type: string;
  name: string;
  resource: pulumi.Resource;
  options: pulumi.CustomResourceOptions & pulumi.ComponentResourceOptions;
}

export type MockOutputs = (
  inputs: Record<string, unknown>,
  name: string,
) => Record<string, unknown>;

export class MockEngine {
  readonly registered: Registered[] = [];
  readonly declared: Declared[] = [];

  private constructor(private readonly outputs: Record<string, MockOutputs>) {}

  /**
   * @param outputs what each type of resource that may be registered answers, beside its inputs
   */
  static async start(outputs: Record<string, MockOutputs>, preview = false): Promise<MockEngine> {
    const engine = new MockEngine(outputs);
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) =>
          engine.newResource(type, name, inputs as Record<string, unknown>),
        call: ({ token }) => {
          throw new Error(`unexpected call of ${token}`);
        },
      },
      "kube2iam-to-kiam",
      "test",
      preview,
    );
    return engine;
  }

  private newResource(type: string, name: string, inputs: Record<string, unknown>) {
    const isComponent = type.startsWith("kube2iam-to-kiam:") || type === "pulumi:pulumi:Stack";
    const outputs = this.outputs[type];
    if (!isComponent && outputs === undefined)
      throw new Error(`unexpected resource ${type} ${name}`);
    this.registered.push({ type, name, inputs, urn: name });
    return { id: `${name}-id`, state: { ...inputs, ...outputs?.(inputs, name) } };
  }

  /** Runs a program to its end, all registrations included. */
  async run(program: () => unknown): Promise<void> {
    await pulumi.runtime.runInPulumiStack(async () => {
      pulumi.runtime.registerStackTransformation(({ type, name, resource, opts, props }) => {
        this.declared.push({ type, name, resource, options: opts });
        return { props, opts };
      });
      await program();
      return {};
    });
    await pulumi.runtime.disconnect();
  }

  /** Names of the registered resources of a type, sorted. */
  namesOf(type: string): string[] {
    return this.registered
      .filter((each) => each.type === type)
      .map((each) => each.name)
      .sort();
  }

  get(type: string, name: string): Registered {
    const found = this.registered.find((each) => each.type === type && each.name === name);
    if (found === undefined)
      throw new Error(
        `${type} ${name} was not registered; ${type}: ${this.namesOf(type).join(", ")}`,
      );
    return found;
  }

  options(type: string, name: string): Declared["options"] {
    const found = this.declared.find((each) => each.type === type && each.name === name);
    if (found === undefined) throw new Error(`${type} ${name} was not declared`);
    return found.options;
  }

  /**
   * Whether one resource can only be dealt with after another: by dependsOn of its own or of a
   * parent, through any number of others. A component stands for all its children.
   */
  comesAfter(later: string, earlier: string): boolean {
    const target = this.declaration(earlier).resource;
    const seen = new Set<pulumi.Resource>();
    const visit = (resource: pulumi.Resource): boolean => {
      if (seen.has(resource)) return false;
      seen.add(resource);
      const own = this.declared.find((each) => each.resource === resource);
      if (own === undefined) return false;
      const before = dependencies(own.options);
      if (before.some((each) => each === target || this.isInside(target, each))) return true;
      const inside = before.flatMap((each) => this.children(each));
      const parent = own.options.parent;
      return [...before, ...inside, ...(parent === undefined ? [] : [parent])].some(visit);
    };
    return visit(this.declaration(later).resource);
  }

  private declaration(typeAndName: string): Declared {
    const [type, name] = typeAndName.split(" ");
    const found = this.declared.filter((each) => each.type === type && each.name === name);
    if (found.length !== 1 || found[0] === undefined)
      throw new Error(`${typeAndName}: declared ${found.length} times`);
    return found[0];
  }

  private children(parent: pulumi.Resource): pulumi.Resource[] {
    return this.declared
      .filter((each) => each.options.parent === parent)
      .flatMap((each) => [each.resource, ...this.children(each.resource)]);
  }

  private isInside(resource: pulumi.Resource, component: pulumi.Resource): boolean {
    return this.children(component).includes(resource);
  }
}

/** What a resource is declared to come after. */
export function dependencies(options: Declared["options"]): pulumi.Resource[] {
  const { dependsOn } = options;
  if (dependsOn === undefined) return [];
  const listed = Array.isArray(dependsOn) ? dependsOn : [dependsOn];
  return (listed as pulumi.Resource[]).map((each) =>
    each instanceof ComponentItself ? each.component : each,
  );
}
