import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** The folders of src/ from the bottom up: each may import from those before it and from itself, never from a later one. */
const layers = ["contract", "settings", "database", "report", "awareness", "notification", "backup", "server", "cli"];

/** `process` is read in src/cli and handed down, so that everything below can be tested and embedded. These only act. */
const harmlessProcessMembers = [
  "arch",
  "getegid",
  "geteuid",
  "getgid",
  "getuid",
  "hrtime",
  "kill",
  "pid",
  "platform",
  "versions",
];

const processMessage = "Read process.* in src/cli and hand it down.";

/** What may be imported by a layer of src/ or, where it is undefined, by what stands around src/. */
function importRules(layer) {
  const above = layer === undefined ? [] : layers.slice(layers.indexOf(layer) + 1);
  return {
    "no-restricted-imports": [
      "error",
      {
        paths:
          layer === undefined || layer === "cli"
            ? []
            : [{ name: "node:process", allowImportNames: harmlessProcessMembers, message: processMessage }],
        patterns: [
          {
            regex: "^\\.{1,2}/(?!.*\\.(ts|json)$)",
            message: "Relative imports end in .ts: Node runs the sources as they are.",
          },
          {
            regex: "/(utils?|helpers?|lib|misc|common|managers?)(/|\\.ts$)",
            message: "Name a file for the one thing in it.",
          },
          ...(layer === undefined
            ? []
            : [{ regex: "/(test|bench|scripts|bin|dist)/", message: "src/ stands alone: it is what gets published." }]),
          ...(above.length === 0
            ? []
            : [
                {
                  regex: `^(\\.\\./)+(${above.join("|")})/`,
                  message: `Imports point downwards: src/${layer} may not know src/{${above.join(",")}}.`,
                },
              ]),
        ],
      },
    ],
  };
}

export default defineConfig(
  globalIgnores(["dist/", ".cache/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-param-reassign": "error",
      "object-shorthand": "error",
      ...importRules(undefined),
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          // node:test awaits what it is given.
          allowForKnownSafeCalls: [
            {
              from: "package",
              package: "node:test",
              name: ["after", "afterEach", "before", "beforeEach", "describe", "it", "suite", "test"],
            },
          ],
        },
      ],
      // What comes from outside is searched for control characters on purpose.
      "no-control-regex": "off",
      // An async function without await is how a function keeps its promise to return one.
      "@typescript-eslint/require-await": "off",
    },
  },
  ...layers.map((layer) => ({ files: [`src/${layer}/**/*.ts`], rules: importRules(layer) })),
  {
    files: ["src/**/*.ts"],
    ignores: ["src/cli/**"],
    rules: {
      "no-console": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: `MemberExpression[object.name='process']:not([property.name=/^(${harmlessProcessMembers.join("|")})$/])`,
          message: processMessage,
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // A test that finds nothing where it expects something fails just as well.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: {
      globals: Object.fromEntries(
        ["Atomics", "Int32Array", "SharedArrayBuffer", "URL", "console", "process", "setTimeout"].map((name) => [
          name,
          "readonly",
        ]),
      ),
    },
  },
);
