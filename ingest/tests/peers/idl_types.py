"""The message types that `rosbags` knows, a JSON object a line: name, definition as .msg, the same as .idl in the form that
`rosidl_adapter` writes, and the form on the wire that rosbags reads out of that IDL."""

import functools
import json
import sys

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_idl, get_typestore

SCALARS = {
    "bool": "bool", "octet": "u8", "byte": "u8", "char": "u8", "uint8": "u8", "int8": "i8",
    "uint16": "u16", "int16": "i16", "uint32": "u32", "int32": "i32", "uint64": "u64", "int64": "i64",
    "float32": "f32", "float64": "f64", "string": "text", "wstring": "wide",
}
IDL_SCALARS = {"bool": "boolean", "byte": "octet", "float32": "float", "float64": "double"}


def shape(desc, types):
    kind, args = desc
    if kind == Nodetype.BASE:
        return SCALARS[args[0]]
    if kind == Nodetype.NAME:
        fields = types[args][1]
        return "{" + ",".join(f"{name}:{shape(each, types)}" for name, each in fields) + "}"
    if kind == Nodetype.ARRAY:
        return f"[{args[1]}]{shape(args[0], types)}"
    return f"[]{shape(args[0], types)}"


def idl_name(desc):
    kind, args = desc
    if kind == Nodetype.NAME:
        return args.replace("/", "::")
    name, bound = args
    name = IDL_SCALARS.get(name, name)
    return f"{name}<{bound}>" if bound else name


def idl_file(name, fields, constants):
    package, folder, message = name.split("/")
    lines = ["// generated from rosidl_adapter/resource/msg.idl.em", ""]
    typedefs, members = {}, []
    for field, (kind, args) in fields:
        if kind == Nodetype.ARRAY:
            element = idl_name(args[0])
            plain = element.replace("::", "__")
            if plain != element:
                typedefs[plain] = element
            typedefs[f"{plain}__{args[1]}[{args[1]}]"] = plain
            written = f"{plain}__{args[1]}"
        elif kind == Nodetype.SEQUENCE:
            bound = f", {args[1]}" if args[1] else ""
            written = f"sequence<{idl_name(args[0])}{bound}>"
        else:
            written = idl_name((kind, args))
        members.append(f'      @verbatim (language="comment", text="A field; of " "{name}")\n      {written} {field};')
    for _, (kind, args) in fields:
        kind, args = args[0] if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) else (kind, args)
        if kind == Nodetype.NAME:
            lines.append(f'#include "{args}.idl"')
    lines += [f"module {package} {{", f"  module {folder} {{"]
    lines += [f"    typedef {what} {alias};" for alias, what in typedefs.items()]
    if constants:
        lines.append(f"    module {message}_Constants {{")
        for constant, kind, value in constants:
            value = {True: "TRUE", False: "FALSE"}.get(value, value) if kind == "bool" else value
            value = json.dumps(value) if isinstance(value, str) and kind != "bool" else value
            lines.append(f"      const {IDL_SCALARS.get(kind, kind)} {constant} = {value};")
        lines.append("    };")
    members = members or ["      boolean structure_needs_at_least_one_member;"]
    return "\n".join([*lines, f"    struct {message} {{", *members, "    };", "  };", "};", ""])


@functools.cache
def types_of(idl):
    # rosbags does not read lines of the preprocessor.
    return get_types_from_idl("\n".join(line for line in idl.splitlines() if not line.startswith("#")))


def needed(name, types, seen):
    seen.setdefault(name)
    for _, (kind, args) in types[name][1]:
        kind, args = args[0] if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) else (kind, args)
        if kind == Nodetype.NAME and args not in seen:
            needed(args, types, seen)
    return seen


def main():
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.fielddefs
    separator = "=" * 80
    for name in sorted(types):
        parts = list(needed(name, types, {}))
        files = {part: idl_file(part, types[part][1], types[part][0]) for part in parts}
        text = "".join(f"{separator}\nIDL: {part}\n{files[part]}" for part in parts)
        read = {}
        for part in parts:
            read |= types_of(files[part])
        msg = store.generate_msgdef(name, ros_version=2)[0]
        line = {"name": name, "msg": msg, "idl": text, "shape": shape((Nodetype.NAME, name), read)}
        sys.stdout.write(json.dumps(line) + "\n")


main()
