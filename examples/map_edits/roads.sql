-- A GeoPackage (https://www.geopackage.org/spec130) with one layer, and two tables of our own.
pragma application_id = 1196444487; -- GPKG
pragma user_version = 10300;
create table gpkg_spatial_ref_sys (
  srs_name text not null, srs_id integer primary key, organization text not null,
  organization_coordsys_id integer not null, definition text not null, description text
);
create table gpkg_contents (
  table_name text primary key, data_type text not null, identifier text unique, description text default '',
  last_change datetime not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  min_x double, min_y double, max_x double, max_y double, srs_id integer references gpkg_spatial_ref_sys
);
create table gpkg_geometry_columns (
  table_name text primary key references gpkg_contents, column_name text not null, geometry_type_name text not null,
  srs_id integer not null references gpkg_spatial_ref_sys, z tinyint not null, m tinyint not null
);
insert into gpkg_spatial_ref_sys values
  ('Undefined Cartesian', -1, 'NONE', -1, 'undefined', null),
  ('Undefined geographic', 0, 'NONE', 0, 'undefined', null),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    || 'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]', null);
create table roads (
  id integer primary key autoincrement, geom blob not null, name text not null, lanes integer not null,
  version integer not null, job integer
);
insert into gpkg_contents (table_name, data_type, identifier, srs_id) values ('roads', 'features', 'roads', 4326);
insert into gpkg_geometry_columns values ('roads', 'geom', 'LINESTRING', 4326, 0, 0);

-- What was merged, by the edit job that it came from: each job once. A road's version is that of the merge that changed
-- it last, so that no version is ever used twice.
create table merged (job integer primary key, version integer not null unique, changes integer not null);
-- The roads that a job has found to be free of conflicts, and is about to merge.
create table reserved (road integer primary key, job integer not null, until double not null);
