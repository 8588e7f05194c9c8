import { Environment } from "@marcbachmann/cel-js";

/** What of an admission policy's language has a form of its own: `Object.spec.containers{…}` and `JSONPatch{…}`. */
const TYPED_LITERAL = /^(Object(?:\.\w+)*|JSONPatch)\{/;
const FIELD = /^(\w+)\s*:/;
const QUOTED = /^(?:'[^']*'|"[^"]*")/;

interface Scope {
  readonly closes: string;
  /** The type's name, where the scope is a typed literal. */
  readonly type?: string;
  /** The field whose value is read now. */
  field?: string;
  /** Of a `JSONPatch`: its path. */
  path?: string;
}

/**
 * Rewrites typed literals to plain maps with quoted keys, which every CEL evaluator knows. Refuses a type whose name is
 * not the place where it stands, as the API server does.
 */
export function toPlainCel(expression: string): string {
  const scopes: Scope[] = [{ closes: "" }];
  let plain = "";
  let atStart = true;
  for (let at = 0; at < expression.length; ) {
    const rest = expression.slice(at);
    const scope = scopes.at(-1)!;
    const [text, type] = TYPED_LITERAL.exec(rest) ?? QUOTED.exec(rest) ?? [rest[0]!];
    const [named, field] = (atStart && scope.type !== undefined && FIELD.exec(rest)) || [];
    if (field !== undefined) {
      scope.field = field;
      plain += `'${field}':`;
      at += named!.length;
      atStart = false;
      continue;
    }
    if (type !== undefined) {
      requirePlace(type, scopes);
      scopes.push({ closes: "}", type });
    } else if ("([{".includes(text)) scopes.push({ closes: { "(": ")", "[": "]", "{": "}" }[text]! });
    else if (text === scope.closes) scopes.pop();
    else if (text.length > 1 && scope.type === "JSONPatch" && scope.field === "path") scope.path = text.slice(1, -1);
    if (!/^\s$/.test(text)) atStart = text === "," || text.endsWith("{");
    plain += type === undefined ? text : "{";
    at += text.length;
  }
  return plain;
}

function requirePlace(type: string, scopes: readonly Scope[]): void {
  const around = scopes.findLast((scope) => scope.type !== undefined);
  const place =
    around === undefined
      ? ["Object", "JSONPatch"]
      : around.type === "JSONPatch"
        ? [`Object${around.path!.replaceAll("/", ".").replace(/\.(\d+|-)$/, "")}`]
        : [`${around.type}.${around.field}`];
  if (!place.includes(type)) throw new Error(`${type} stands where ${place.join(" or ")} belongs`);
}

const parsed = new Map<string, ReturnType<Environment["parse"]>>();

/** Evaluates an expression of an admission policy. */
export function evaluateCel(expression: string, context: Readonly<Record<string, unknown>>): unknown {
  const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
  const evaluate = parsed.get(expression) ?? environment.parse(toPlainCel(expression));
  parsed.set(expression, evaluate);
  return toJson(evaluate(context));
}

/** CEL's whole numbers are BigInt. */
function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return toJson(Object.fromEntries(value));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}
